//! The journals of a process: one writer per folder, across reloads of the configuration.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{EvidenceError, Journal};
use crate::{clock::Clock, evidence::settings::EvidenceSettings, telemetry::MetricRegistry};

/// Every journal that may still be written to. An idle worker keeps its last configuration, so a
/// folder that a later reload returns to may still have its thread.
///
/// It is also who ends a journal: that takes until what waits is on disk, which no worker may wait
/// for.
#[derive(Debug, Default)]
pub struct Journals(Mutex<Vec<Arc<Journal>>>);

impl Journals {
    /// The journal of these settings: that of the folder, if it has one, or a new one.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn journal(
        &self,
        settings: &EvidenceSettings,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<Arc<Journal>, EvidenceError> {
        let mut journals = self.0.lock();
        let mut latest_first = journals.iter().rev();
        let of_folder = latest_first.find(|known| known.settings().folder == settings.folder);
        let journal = match of_folder {
            Some(known) if known.settings() == settings => return Ok(Arc::clone(known)),
            Some(known) => known.succeed(settings, metrics),
            None => Journal::open(settings, Arc::clone(clock), metrics)?,
        };
        journals.push(Arc::clone(&journal));
        Ok(journal)
    }

    /// Ends the journals whose last sender was dropped. Waits for the disk.
    pub fn release(&self) {
        let mut journals = self.0.lock();
        let unused: Vec<_> =
            journals.extract_if(.., |journal| Arc::strong_count(journal) == 1).collect();
        drop(journals);
        drop(unused);
    }
}
