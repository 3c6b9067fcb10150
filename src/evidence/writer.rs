//! The journal's thread: receives queued lines, writes them as one group, synchronises, and
//! notifies the senders.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use crate::{
    clock::{Clock, UnixTime},
    evidence::settings::EvidenceSettings,
    json::{Json, Object},
    telemetry::MetricRegistry,
};

use super::{
    EvidenceError, Metrics, body,
    chain::ChainLink,
    file::{self, Standing},
    health::JournalHealth,
    journal::{LineOutcome, NotRecorded, WriteRequest},
    line,
    metrics::WriterMetrics,
};

/// The only one that writes to the folder.
pub(super) struct JournalWriter {
    settings: EvidenceSettings,
    clock: Arc<dyn Clock>,
    /// `None`: the last one can't be relied on any more, or there is none yet.
    open: Option<Open>,
    /// After everything that is on disk for certain.
    link: ChainLink,
    last_file: Option<String>,
    sequence: u32,
    /// How the previous file ended, which the next one records.
    before: Before,
    unsigned_lines: u32,
    signed_at: Instant,
    metrics: WriterMetrics,
    pub(super) health: JournalHealth,
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
    /// With lines that may or may not be on disk: writing them failed.
    Abandoned,
}

/// Written and synchronised together: as many as come while the disk is busy or lines are
/// gathered.
const MAX_GROUP: usize = 1024;
/// A checkpoint covers at most so many lines, however fast they come.
const MAX_UNSIGNED: u32 = 1000;
/// The thread checks the time at least so often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl JournalWriter {
    pub(super) fn open(
        settings: &EvidenceSettings,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<Self, EvidenceError> {
        let folder = |error| EvidenceError::Folder { folder: settings.folder.clone(), error };
        let lock = file::lock(&settings.folder).map_err(folder)?;
        let Standing { link, file, sequence, is_torn } =
            file::standing(&settings.folder).map_err(folder)?;
        let mut writer = Self {
            settings: settings.clone(),
            clock,
            open: None,
            link,
            last_file: file,
            sequence,
            before: if is_torn { Before::Torn } else { Before::Whole },
            unsigned_lines: 0,
            signed_at: Instant::now(),
            metrics: Metrics::register(metrics).of_writer(),
            health: JournalHealth::default(),
            _lock: lock,
        };
        writer.begin_file(writer.clock.now()).map_err(folder)?;
        Ok(writer)
    }

    /// Applies new settings of the same folder to later lines.
    pub(super) fn adopt(&mut self, settings: EvidenceSettings) {
        self.settings = settings;
    }

    /// Runs until every sender is dropped, then writes a final checkpoint. A single line is written
    /// at once; then the thread sleeps for `gather`, whether lines come or not, so that no sender
    /// has to wake it. Lines received meanwhile are the next group.
    pub(super) fn run(
        &mut self,
        requests: &Receiver<WriteRequest>,
        mut rest: impl FnMut(Duration),
    ) {
        loop {
            match requests.recv_timeout(LOOK_INTERVAL) {
                Ok(first) => {
                    let begun = Instant::now();
                    let group = [first].into_iter().chain(requests.try_iter()).take(self.room());
                    self.write_group(group.collect());
                    rest(self.settings.gather.saturating_sub(begun.elapsed()));
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

    /// How many lines may come before the next checkpoint. If that one can't be written, lines
    /// don't wait for it.
    fn room(&self) -> usize {
        match MAX_UNSIGNED.saturating_sub(self.unsigned_lines) {
            0 => MAX_GROUP,
            lines => MAX_GROUP.min(lines as usize),
        }
    }

    pub(super) fn write_group(&mut self, requests: Vec<WriteRequest>) {
        let before = requests.len();
        let requests: Vec<_> =
            requests.into_iter().filter(|request| !request.is_abandoned()).collect();
        self.metrics.dropped.inc_by((before - requests.len()) as u64);
        if requests.is_empty() {
            return;
        }
        let now = self.clock.now();
        if let Err(error) = self.rotate_if_due(now) {
            return self.fail(requests, &error);
        }
        let requests = self.keep_bodies(requests);
        let mut link = self.link;
        let mut text = String::new();
        let mut group = Vec::with_capacity(requests.len());
        for request in requests {
            let line = line::text(link, now, request.entry.members());
            if line.len() >= line::MAX_LINE_BYTES {
                self.fail(vec![request], &io::Error::other("a line is too long"));
                continue;
            }
            link = link.after(line.as_bytes());
            text.push_str(&line);
            text.push('\n');
            group.push(request);
        }
        if group.is_empty() {
            return;
        }
        if let Err(error) = self.append(text.as_bytes(), link) {
            return self.fail(group, &error);
        }
        self.metrics.written.inc_by(group.len() as u64);
        self.health.written();
        if self.settings.key.is_some() {
            let lines = u32::try_from(group.len()).unwrap_or(u32::MAX);
            self.unsigned_lines = self.unsigned_lines.saturating_add(lines);
        }
        answer(group, Ok(()));
    }

    /// Those whose bodies are on disk, if they are to be kept. One that fails takes no other with
    /// it: nothing of it is in the file.
    fn keep_bodies(&self, requests: Vec<WriteRequest>) -> Vec<WriteRequest> {
        let Some(folder) = &self.settings.bodies else {
            return requests;
        };
        let unkept =
            body::keep(folder, requests.iter().filter_map(|request| request.entry.kept_body()));
        let (kept, failed) = requests.into_iter().partition(|request: &WriteRequest| {
            request.entry.kept_body().is_none_or(|(sha256, _)| !unkept.contains_key(&sha256))
        });
        if let Some(error) = unkept.values().next() {
            self.fail(failed, error);
        }
        kept
    }

    fn fail(&self, requests: Vec<WriteRequest>, error: &io::Error) {
        self.metrics.failed.inc_by(requests.len() as u64);
        self.health.failed(error);
        let folder = self.settings.folder.display();
        tracing::error!(
            %error,
            %folder,
            lines = requests.len(),
            hint = "free space on the disk of the folder, or check its permissions",
            "evidence can't be written"
        );
        answer(requests, Err(NotRecorded));
    }

    /// Adds whole lines and has them on disk; only then is the chain after them.
    fn append(&mut self, lines: &[u8], after: ChainLink) -> io::Result<()> {
        let written = self.try_append(lines);
        if written.is_ok() {
            self.link = after;
        } else {
            self.abandon();
        }
        written
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        open.file.write_all(lines)?;
        let timer = self.metrics.fsync.start_timer();
        open.file.sync_data()?;
        timer.observe_duration();
        open.bytes += lines.len() as u64;
        Ok(())
    }

    /// Lines after the last certain one may be on disk or not. After a failed synchronisation not
    /// even a later one would show it, so nothing more is written to this file.
    pub(super) fn abandon(&mut self) {
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

    /// A new file, whose first line names the previous state, so that a missing file is detected.
    /// If nothing at all can be written there is none: a full disk must not be filled with empty
    /// files.
    fn begin_file(&mut self, now: UnixTime) -> io::Result<()> {
        let day = day(now);
        let sequence = self.sequence.saturating_add(1);
        let (file, name) = file::create(&self.settings.folder, &day, sequence)?;
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
        let path = self.settings.folder.join(&name);
        let earlier = (self.last_file.clone(), self.before);
        self.open = Some(Open { file, name, day, bytes: 0 });
        let begun = self.append(format!("{line}\n").as_bytes(), after);
        if begun.is_err() && file::remove_empty(&path) {
            (self.last_file, self.before) = earlier;
        } else {
            self.sequence = sequence;
        }
        begun
    }

    fn is_checkpoint_due(&self) -> bool {
        (self.unsigned_lines >= MAX_UNSIGNED && self.open.is_some())
            || (self.unsigned_lines > 0
                && self.signed_at.elapsed() >= self.settings.checkpoint_every)
    }

    fn sign_alone(&mut self) {
        if let Err(error) = self.sign(self.clock.now()) {
            self.metrics.failed.inc();
            tracing::error!(%error, "a checkpoint of the evidence can't be written");
        }
    }

    /// Signs where the chain stands, if there is anything new and a key to sign with.
    fn sign(&mut self, now: UnixTime) -> io::Result<()> {
        if self.settings.key.is_none() || self.unsigned_lines == 0 {
            return Ok(());
        }
        // Also after a failure: while the disk fails, not every check of the time is an attempt.
        self.signed_at = Instant::now();
        if self.open.is_none() {
            self.begin_file(now)?;
        }
        let Some(line) = self.checkpoint(now)? else {
            return Ok(());
        };
        let after = self.link.after(line.as_bytes());
        self.append(format!("{line}\n").as_bytes(), after)?;
        self.unsigned_lines = 0;
        self.metrics.checkpoints.inc();
        Ok(())
    }

    /// The text of a checkpoint; `None` without a key.
    fn checkpoint(&self, now: UnixTime) -> io::Result<Option<String>> {
        let Some(key) = self.settings.key.as_ref().map(|key| &key.key) else {
            return Ok(None);
        };
        let mut header = Object::default();
        header.insert("alg", key.algorithm().name());
        header.insert("kid", key.kid());
        header.insert("typ", CHECKPOINT_TYPE);
        let mut claims = Object::default();
        claims.insert("n", Json::Integer(self.link.number.into()));
        claims.insert("prev", self.link.previous.to_text().as_str());
        claims.insert("at", now.to_rfc3339());
        let jws = key
            .sign_compact(&header, claims.to_text().as_bytes())
            .map_err(|error| io::Error::other(error.to_string()))?;
        let members = [("type", Json::from("checkpoint")), ("jws", jws.as_str().into())];
        Ok(Some(line::text(self.link, now, members)))
    }
}

fn answer(requests: Vec<WriteRequest>, written: LineOutcome) {
    for request in requests {
        // The waiting request may have been dropped.
        let _ = request.written.send(written);
    }
}

/// Distinguishes a checkpoint from anything else that the key may sign.
pub(super) const CHECKPOINT_TYPE: &str = "countersign-checkpoint+jwt";

fn day(now: UnixTime) -> String {
    now.to_rfc3339().chars().take("2026-01-02".len()).collect()
}
