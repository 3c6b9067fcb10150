//! `[cache]`: the verified-token cache.

use std::time::Duration;

use crate::config::{
    reader::Section,
    values::{count, duration, size},
    writer::{Writer, Written},
};

pub(crate) mod key {
    pub(crate) const ENTRIES: &str = "entries";
    pub(crate) const BYTES: &str = "bytes";
    pub(crate) const MAX_AGE: &str = "max_age";
    pub(crate) const REJECTED_ENTRIES: &str = "rejected_entries";
}

/// `[cache]`: the verified-token cache, per worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// The most tokens kept. Zero switches the cache off.
    pub entries: usize,
    /// The most bytes kept: tokens, claims and rendered headers.
    pub bytes: usize,
    /// How long a token is trusted without a new signature check.
    pub max_age: Duration,
    /// The most tokens with a wrong signature cached. Zero switches that off.
    pub rejected_entries: usize,
}

/// Ten thousand callers at once per worker.
const DEFAULT_ENTRIES: usize = 10_000;
/// Beyond this the bytes are the bound that matters.
const MAX_ENTRIES: usize = 10_000_000;
/// Room for the default number of entries at some 3 KiB each.
const DEFAULT_BYTES: usize = 32 * 1024 * 1024;
/// A handful of tokens must fit, or the cache only costs.
const MIN_BYTES: usize = 64 * 1024;
/// Per worker, and of one process.
const MAX_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// A mistake in the cache's bookkeeping must heal by itself, and soon.
const DEFAULT_MAX_AGE: Duration = Duration::from_mins(5);
/// Zero would verify everything and keep it too: `entries = 0` is the way to switch it off.
const MIN_MAX_AGE: Duration = Duration::from_secs(1);
/// Longer than keys may be trusted without being confirmed.
const MAX_MAX_AGE: Duration = Duration::from_hours(24);
/// A client that retries a bad token in a loop; a flood of different ones is not worth memory.
const DEFAULT_REJECTED_ENTRIES: usize = 1000;

/// The part of the byte bound that wrongly signed tokens may take besides.
const REJECTED_SHARE: usize = 8;

impl CacheSettings {
    /// What tokens with a wrong signature may take.
    pub(crate) fn rejected_bytes(&self) -> usize {
        self.bytes / REJECTED_SHARE
    }

    /// What the cache of one worker may take.
    pub(crate) fn most_bytes(&self) -> usize {
        let verified = if self.entries == 0 { 0 } else { self.bytes };
        let rejected = if self.rejected_entries == 0 { 0 } else { self.rejected_bytes() };
        verified + rejected
    }

    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            entries: section.or(key::ENTRIES, DEFAULT_ENTRIES, count(0..=MAX_ENTRIES)),
            bytes: section.or(key::BYTES, DEFAULT_BYTES, size(MIN_BYTES..=MAX_BYTES)),
            max_age: section.or(key::MAX_AGE, DEFAULT_MAX_AGE, duration(MIN_MAX_AGE..=MAX_MAX_AGE)),
            rejected_entries: section.or(
                key::REJECTED_ENTRIES,
                DEFAULT_REJECTED_ENTRIES,
                count(0..=MAX_ENTRIES),
            ),
        }
    }
    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .count(key::ENTRIES, self.entries)
            .size(key::BYTES, self.bytes)
            .duration(key::MAX_AGE, self.max_age)
            .count(key::REJECTED_ENTRIES, self.rejected_entries)
            .table()
    }
}
