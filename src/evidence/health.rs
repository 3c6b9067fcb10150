//! Whether lines get to the disk, for `/readyz`.

use std::{io, sync::Arc};

use parking_lot::Mutex;

/// What the last group of lines met. Written by the journal's thread.
#[derive(Debug, Clone, Default)]
pub(super) struct JournalHealth(Arc<Mutex<Option<String>>>);

impl JournalHealth {
    pub(super) fn failed(&self, error: &io::Error) {
        *self.0.lock() = Some(format!("lines can't be written: {error}"));
    }

    pub(super) fn written(&self) {
        *self.0.lock() = None;
    }

    /// `None`: the last lines were written, or there were none.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().clone()
    }
}
