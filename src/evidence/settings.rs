//! `[evidence]`: the journal of signed requests.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        files::directory,
        reader::Section,
        values::{count, duration, keyword, size, text},
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    keys::private_key::{PrivateKey, private_key},
};

pub(crate) mod key {
    pub(crate) const FOLDER: &str = "folder";
    pub(crate) const CLAIMS: &str = "claims";
    pub(crate) const RECORD: &str = "record";
    pub(crate) const ON_FAILURE: &str = "on_failure";
    pub(crate) const KEY_FILE: &str = "key_file";
    pub(crate) const CHECKPOINT_EVERY: &str = "checkpoint_every";
    pub(crate) const ROTATE_BYTES: &str = "rotate_bytes";
    pub(crate) const QUEUE: &str = "queue";
    pub(crate) const GATHER: &str = "gather";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const BODIES: &str = "bodies";
}

/// `[evidence]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// Where the journal is.
    pub folder: PathBuf,
    /// `true`: requests that are refused for their signature have a line, too.
    pub records_refused: bool,
    /// The claims of the token that are kept.
    pub claims: Vec<ClaimPath>,
    /// What happens to a request without proof.
    pub on_failure: EvidenceFailure,
    /// What signs checkpoints; `None`: there are none.
    pub key: Option<PrivateKey>,
    /// How long lines wait for a checkpoint.
    pub checkpoint_every: Duration,
    /// The size at which a file is full, in bytes.
    pub rotate_bytes: u64,
    /// The most lines that wait to be written.
    pub queue: usize,
    /// The least time from the beginning of one group of lines to the next: what comes meanwhile
    /// is written and synchronised together.
    pub gather: Duration,
    /// How long a request waits for its line.
    pub timeout: Duration,
    /// Where bodies are kept, by their SHA-256; `None`: nowhere.
    pub bodies: Option<PathBuf>,
}

/// What happens to a request without proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceFailure {
    /// It is refused (503).
    Refuse,
    /// It passes, and that is counted. Requests don't wait for the disk.
    Continue,
}

/// What was written since is not signed if the machine is lost.
const DEFAULT_CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
const MIN_CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
const MAX_CHECKPOINT_EVERY: Duration = Duration::from_hours(24);
/// Some 100,000 lines.
const DEFAULT_ROTATE_BYTES: usize = 128 * 1024 * 1024;
const MIN_ROTATE_BYTES: usize = 64 * 1024;
const MAX_ROTATE_BYTES: usize = 16 * 1024 * 1024 * 1024;
/// A line with a 2,048-bit signature has some 2 KiB, and is there twice while it is written.
pub(crate) const LINE_BYTES: usize = 4 * 1024;
/// Five seconds of a busy gateway.
const DEFAULT_QUEUE: usize = 10_000;
/// What a busy gateway writes while lines are gathered, and more.
const MIN_QUEUE: usize = 1_000;
const MAX_QUEUE: usize = 1_000_000;
/// At 2,000 requests a second a line then costs at most a tenth of the CPU of its signed request;
/// without, more than that of the request itself (`docs/performance.md`).
const DEFAULT_GATHER: Duration = Duration::from_millis(3);
/// Under load a line waits up to so long; beyond that it is felt more than a slow disk.
const MAX_GATHER: Duration = Duration::from_millis(20);
/// A disk that takes longer is broken, or is being replaced.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

const RECORD: &[(&str, bool)] = &[("verified", false), ("all", true)];
const ON_FAILURE: &[(&str, EvidenceFailure)] =
    &[("refuse", EvidenceFailure::Refuse), ("continue", EvidenceFailure::Continue)];

impl EvidenceSettings {
    /// `None` without the section: nothing is kept.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let folder = section.required(key::FOLDER, "the directory of the journal", directory);
        let claims = section.list(key::CLAIMS, "a list of claims such as [\"sub\"]", |node| {
            claim_path(&text(node)?)
        });
        let every = duration(MIN_CHECKPOINT_EVERY..=MAX_CHECKPOINT_EVERY);
        let rotate = size(MIN_ROTATE_BYTES..=MAX_ROTATE_BYTES);
        let settings = Self {
            records_refused: section.or(key::RECORD, false, keyword(RECORD)),
            claims: claims.unwrap_or_default(),
            on_failure: section.or(key::ON_FAILURE, EvidenceFailure::Refuse, keyword(ON_FAILURE)),
            key: section.optional(key::KEY_FILE, private_key),
            checkpoint_every: section.or(key::CHECKPOINT_EVERY, DEFAULT_CHECKPOINT_EVERY, every),
            rotate_bytes: section.or(key::ROTATE_BYTES, DEFAULT_ROTATE_BYTES, rotate) as u64,
            queue: section.or(key::QUEUE, DEFAULT_QUEUE, count(MIN_QUEUE..=MAX_QUEUE)),
            gather: section.or(key::GATHER, DEFAULT_GATHER, duration(Duration::ZERO..=MAX_GATHER)),
            timeout: section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(MIN_TIMEOUT..=MAX_TIMEOUT)),
            bodies: section.optional(key::BODIES, directory),
            folder: folder?,
        };
        if settings.key.is_none() && section.peek(key::CHECKPOINT_EVERY).is_some() {
            let message = "has no effect without key_file, which signs checkpoints";
            section.mistake(key::CHECKPOINT_EVERY, message.to_owned());
        }
        Some(settings)
    }

    pub(crate) fn write(&self) -> Written {
        let rotate_bytes = usize::try_from(self.rotate_bytes).unwrap_or(usize::MAX);
        let writer = Writer::default()
            .path(key::FOLDER, &self.folder)
            .keyword(key::RECORD, RECORD, &self.records_refused)
            .list(key::CLAIMS, self.claims.iter().map(ClaimPath::as_str))
            .keyword(key::ON_FAILURE, ON_FAILURE, &self.on_failure);
        let writer = match &self.key {
            Some(key) => writer
                .path(key::KEY_FILE, &key.file)
                .duration(key::CHECKPOINT_EVERY, self.checkpoint_every),
            None => writer,
        };
        writer
            .size(key::ROTATE_BYTES, rotate_bytes)
            .count(key::QUEUE, self.queue)
            .duration(key::GATHER, self.gather)
            .duration(key::TIMEOUT, self.timeout)
            .optional_path(key::BODIES, self.bodies.as_deref())
            .table()
    }
}
