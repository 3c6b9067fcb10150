//! `[reload]`: whether files are watched.

use std::time::Duration;

use crate::config::{
    reader::Section,
    values::{duration, switch},
    writer::{Writer, Written},
};

pub(crate) mod key {
    pub(crate) const WATCH: &str = "watch";
    pub(crate) const INTERVAL: &str = "interval";
}

/// `[reload]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadSettings {
    /// Whether a file that has changed is a reload.
    pub watch: bool,
    /// How often files are looked at.
    pub interval: Duration,
}

/// What a person waits for after a change. A look takes some system calls for each file.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(2);
/// Below it, two looks at a file that is written in place are no evidence that it is complete.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Above it, `countersign reload` is what is wanted.
const MAX_INTERVAL: Duration = Duration::from_hours(1);

impl ReloadSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let interval = duration(MIN_INTERVAL..=MAX_INTERVAL);
        Self {
            watch: section.or(key::WATCH, false, switch),
            interval: section.or(key::INTERVAL, DEFAULT_INTERVAL, interval),
        }
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .switch(key::WATCH, self.watch)
            .duration(key::INTERVAL, self.interval)
            .table()
    }
}
