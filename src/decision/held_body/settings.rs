//! `[server.limits]`, as far as it is about bodies that are held.

use std::path::PathBuf;

use crate::config::{files::directory, reader::Section, values::size, writer::Writer};

pub(crate) mod key {
    pub(crate) const BODY_BYTES: &str = "body_bytes";
    pub(crate) const BUFFER_BYTES: &str = "buffer_bytes";
    pub(crate) const BODY_MEMORY: &str = "body_memory";
    pub(crate) const BODY_RATE: &str = "body_rate";
    pub(crate) const BUFFER_FOLDER: &str = "buffer_folder";
}

/// What request bodies may take that are held until their signature is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBodySettings {
    /// The largest one, in bytes; a larger one is 413.
    pub body_bytes: usize,
    /// What is kept in memory of each, in bytes; a larger one is written to an unlinked file.
    pub body_memory: usize,
    /// All of them together, in memory and in files; beyond, further ones are 503.
    pub buffer_bytes: usize,
    /// What one has to bring in a second on the average, in bytes, once the body timeout has
    /// passed; a slower one is 408. 0: no bound.
    pub body_rate: usize,
    /// Where the files are. `None`: the system's folder for temporary files.
    pub buffer_folder: Option<PathBuf>,
}

/// Loan applications, consents and reports of accounts with their documents stay below it.
const DEFAULT_BODY_BYTES: usize = 10 * 1024 * 1024;
/// The typical signed request is a few KiB of JSON: it never touches a disk.
const DEFAULT_BODY_MEMORY: usize = 1024 * 1024;
/// Twenty-five of the largest, or hundreds of thousands of the usual ones.
const DEFAULT_BUFFER_BYTES: usize = 256 * 1024 * 1024;
/// 32 kbit/s: below what the slowest mobile networks in use bring. A message of 10 KiB has the
/// timeout and 2.5 s, the largest one 43 minutes.
const DEFAULT_BODY_RATE: usize = 4 * 1024;
/// Above this honest clients are refused.
const MAX_BODY_RATE: usize = 10 * 1024 * 1024;
/// What is signed is a message, not a medium.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024 * 1024;
/// A large disk.
const MAX_BUFFER_BYTES: usize = 1024 * 1024 * 1024 * 1024;

impl HeldBodySettings {
    /// Reads its keys of `[server.limits]`.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let body_bytes = section.or(key::BODY_BYTES, DEFAULT_BODY_BYTES, size(0..=MAX_BODY_BYTES));
        let buffer_bytes =
            section.or(key::BUFFER_BYTES, DEFAULT_BUFFER_BYTES, size(0..=MAX_BUFFER_BYTES));
        if buffer_bytes < body_bytes {
            section.mistake(
                key::BUFFER_BYTES,
                "is less than body_bytes; expected room for one body at least".to_owned(),
            );
        }
        Self {
            body_bytes,
            body_memory: section.or(
                key::BODY_MEMORY,
                DEFAULT_BODY_MEMORY,
                size(0..=MAX_BODY_BYTES),
            ),
            buffer_bytes,
            body_rate: section.or(key::BODY_RATE, DEFAULT_BODY_RATE, size(0..=MAX_BODY_RATE)),
            buffer_folder: section.optional(key::BUFFER_FOLDER, directory),
        }
    }

    /// Writes its keys of `[server.limits]`.
    pub(crate) fn write(&self, writer: Writer) -> Writer {
        writer
            .size(key::BODY_BYTES, self.body_bytes)
            .size(key::BODY_MEMORY, self.body_memory)
            .size(key::BUFFER_BYTES, self.buffer_bytes)
            .size(key::BODY_RATE, self.body_rate)
            .optional_path(key::BUFFER_FOLDER, self.buffer_folder.as_deref())
    }
}
