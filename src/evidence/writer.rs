//! The journal's thread: takes what waits, writes it as one group, has it on disk, and says so.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use prometheus::IntCounter;

use crate::{
    clock::{Clock, UnixTime},
    config::EvidenceSettings,
    jose::{Json, Object, SigningKey},
    telemetry::Metrics,
};

use super::{
    EvidenceError, body,
    chain::Link,
    file::{self, Standing},
    journal::{NotRecorded, Order},
    line,
};

/// The only one that writes to the folder.
pub(super) struct Writer {
    settings: EvidenceSettings,
    clock: Arc<dyn Clock>,
    key: Option<SigningKey>,
    /// `None`: the last one can't be relied on any more, or there is none yet.
    open: Option<Open>,
    /// After everything that is on disk for certain.
    link: Link,
    last_file: Option<String>,
    sequence: u32,
    /// How the file before ended, which the next one has to say.
    before: Before,
    unsigned_lines: u32,
    signed_at: Instant,
    counters: Counters,
    /// Keeps other processes out.
    _lock: File,
}

/// The file that is written to.
struct Open {
    file: File,
    name: String,
    day: String,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Whole,
    /// In the middle of a line: the process ended while it wrote.
    Torn,
    /// With lines of which nobody knows whether they are on disk: writing them failed.
    Abandoned,
}

struct Counters {
    written: IntCounter,
    failed: IntCounter,
    checkpoints: IntCounter,
    fsync: prometheus::Histogram,
}

/// Written and synchronised together: as many as come while the disk is busy.
const MAX_GROUP: usize = 1024;
/// A checkpoint covers at most so many lines, however fast they come.
const MAX_UNSIGNED: u32 = 1000;
/// The thread looks at the time at least so often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Writer {
    pub(super) fn open(
        settings: &EvidenceSettings,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Self, EvidenceError> {
        let folder = |error| EvidenceError::Folder { folder: settings.folder.clone(), error };
        let lock = file::lock(&settings.folder).map_err(folder)?;
        let Standing { link, file, sequence, is_torn } =
            file::standing(&settings.folder).map_err(folder)?;
        let mut writer = Self {
            key: settings.key_file.as_ref().map(signing_key).transpose()?,
            settings: settings.clone(),
            clock,
            open: None,
            link,
            last_file: file,
            sequence,
            before: if is_torn { Before::Torn } else { Before::Whole },
            unsigned_lines: 0,
            signed_at: Instant::now(),
            counters: Counters::new(metrics),
            _lock: lock,
        };
        writer.begin_file(writer.clock.now()).map_err(folder)?;
        Ok(writer)
    }

    /// Writes until nobody can order a line any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(LOOK_INTERVAL) {
                Ok(first) => {
                    let group = [first].into_iter().chain(orders.try_iter()).take(MAX_GROUP);
                    self.write_group(group.collect());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.is_checkpoint_due() {
                self.sign_alone();
            }
        }
        self.sign_alone();
    }

    fn write_group(&mut self, orders: Vec<Order>) {
        let outcome = self.try_write(&orders);
        let count = orders.len() as u64;
        let written = match outcome {
            Ok(()) => {
                self.counters.written.inc_by(count);
                Ok(())
            }
            Err(error) => {
                self.counters.failed.inc_by(count);
                tracing::error!(%error, lines = count, "evidence can't be written");
                self.abandon();
                Err(NotRecorded)
            }
        };
        for order in orders {
            // Whoever waited may have given up.
            let _ = order.written.send(written);
        }
    }

    fn try_write(&mut self, orders: &[Order]) -> io::Result<()> {
        let now = self.clock.now();
        self.rotate_if_due(now)?;
        if let Some(folder) = &self.settings.bodies {
            for order in orders {
                let sha256 = order.entry.payload.as_ref().and_then(|payload| payload.sha256);
                if let (Some(sha256), Some(body)) = (sha256, &order.entry.body) {
                    body::keep(folder, &sha256, body)?;
                }
            }
        }
        let mut link = self.link;
        let mut text = String::new();
        for order in orders {
            let line = line::text(link, now, order.entry.members());
            if line.len() >= line::MAX_LINE_BYTES {
                return Err(io::Error::other("a line is too long"));
            }
            link = link.after(line.as_bytes());
            text.push_str(&line);
            text.push('\n');
        }
        self.append(text.as_bytes(), link)?;
        let lines = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        self.unsigned_lines = self.unsigned_lines.saturating_add(lines);
        Ok(())
    }

    /// Adds whole lines and has them on disk; only then is the chain after them.
    fn append(&mut self, lines: &[u8], after: Link) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        open.file.write_all(lines)?;
        let timer = self.counters.fsync.start_timer();
        open.file.sync_data()?;
        timer.observe_duration();
        open.bytes += lines.len() as u64;
        self.link = after;
        Ok(())
    }

    /// What follows what was certain in this file may be there or not. After a failed
    /// synchronisation not even a later one would tell, so that nothing more is added to it.
    fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            self.last_file = Some(open.name);
            self.before = Before::Abandoned;
        }
    }

    fn rotate_if_due(&mut self, now: UnixTime) -> io::Result<()> {
        let Some(open) = &self.open else {
            return self.begin_file(now);
        };
        if open.bytes < self.settings.rotate_bytes && open.day == day(now) {
            return Ok(());
        }
        self.sign(now)?;
        if let Some(open) = self.open.take() {
            self.last_file = Some(open.name);
            self.before = Before::Whole;
        }
        self.begin_file(now)
    }

    /// A new file, whose first line says what came before: a file that is missing shows.
    fn begin_file(&mut self, now: UnixTime) -> io::Result<()> {
        let day = day(now);
        self.sequence = self.sequence.saturating_add(1);
        let (file, name) = file::create(&self.settings.folder, &day, self.sequence)?;
        let mut members = vec![("type", Json::from("open")), ("file", name.as_str().into())];
        if let Some(last) = &self.last_file {
            members.push(("after", last.as_str().into()));
        }
        match self.before {
            Before::Whole => {}
            Before::Torn => members.push(("torn", Json::Bool(true))),
            Before::Abandoned => members.push(("abandoned", Json::Bool(true))),
        }
        let line = line::text(self.link, now, members);
        let after = self.link.after(line.as_bytes());
        self.open = Some(Open { file, name, day, bytes: 0 });
        let written = self.append(format!("{line}\n").as_bytes(), after);
        if written.is_err() {
            self.abandon();
        }
        written
    }

    fn is_checkpoint_due(&self) -> bool {
        self.unsigned_lines >= MAX_UNSIGNED
            || (self.unsigned_lines > 0
                && self.signed_at.elapsed() >= self.settings.checkpoint_every)
    }

    fn sign_alone(&mut self) {
        if let Err(error) = self.sign(self.clock.now()) {
            tracing::error!(%error, "a checkpoint of the evidence can't be written");
            self.abandon();
        }
    }

    /// Signs where the chain stands, if there is anything new and a key to sign with.
    fn sign(&mut self, now: UnixTime) -> io::Result<()> {
        let Some(key) = self.key.as_ref().filter(|_| self.unsigned_lines > 0) else {
            return Ok(());
        };
        let mut header = Object::default();
        header.insert("alg", key.algorithm().name());
        header.insert("kid", key.kid());
        header.insert("typ", CHECKPOINT_TYPE);
        let mut claims = Object::default();
        claims.insert("n", Json::Integer(self.link.number.into()));
        claims.insert("prev", self.link.previous.to_text().as_str());
        claims.insert("at", line::rfc3339(now).as_str());
        let jws = key
            .sign_compact(&header, claims.to_text().as_bytes())
            .map_err(|error| io::Error::other(error.to_string()))?;
        let members = [("type", Json::from("checkpoint")), ("jws", jws.as_str().into())];
        let line = line::text(self.link, now, members);
        let after = self.link.after(line.as_bytes());
        self.append(format!("{line}\n").as_bytes(), after)?;
        self.unsigned_lines = 0;
        self.signed_at = Instant::now();
        self.counters.checkpoints.inc();
        Ok(())
    }
}

/// Nothing else that the key may sign is taken for a checkpoint.
pub(super) const CHECKPOINT_TYPE: &str = "countersign-checkpoint+jwt";

impl Counters {
    fn new(metrics: &Metrics) -> Self {
        let lines = |outcome| metrics.evidence_lines.with_label_values(&[outcome]);
        Self {
            written: lines("written"),
            failed: lines("failed"),
            checkpoints: metrics.evidence_checkpoints.clone(),
            fsync: metrics.evidence_fsync.clone(),
        }
    }
}

fn day(now: UnixTime) -> String {
    line::rfc3339(now).chars().take("2026-01-02".len()).collect()
}

fn signing_key(path: &PathBuf) -> Result<SigningKey, EvidenceError> {
    let unusable = |cause: String| EvidenceError::Key { path: path.clone(), cause };
    let document = std::fs::read(path).map(zeroize::Zeroizing::new);
    let document = document.map_err(|error| unusable(error.to_string()))?;
    // What the parser says could show a part of the key.
    let jwk = Object::parse(&document).map_err(|_| unusable("is no private JWK".to_owned()))?;
    let key = SigningKey::from_jwk(&jwk).map_err(|error| unusable(error.to_string()))?;
    if key.algorithm().is_symmetric() {
        return Err(unusable("is a shared secret, which proves nothing to others".to_owned()));
    }
    Ok(key)
}
