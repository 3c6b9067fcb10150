//! A list in a file.

use std::path::Path;

use crate::{
    clock::UnixTime,
    refresh::{SourceChange, WatchedFile},
    revocation::{Denylist, ListError, settings::ListSettings},
};

/// A file that is read whole, with cheap checks for changes in between.
#[derive(Debug)]
pub(in crate::revocation) struct ListFile {
    file: WatchedFile,
    max_entries: usize,
}

impl ListFile {
    pub(super) fn new(path: &Path, settings: &ListSettings) -> Self {
        let file = WatchedFile::new(path, settings.max_bytes, settings.timeout);
        Self { file, max_entries: settings.max_entries }
    }

    pub(super) async fn read(&mut self, now: UnixTime) -> Result<Denylist, ListError> {
        let bytes = self.file.read().await?;
        super::parse(bytes, self.max_entries, now, self.file.place()).await
    }

    pub(super) async fn look(&self) -> SourceChange {
        match self.file.has_changed().await {
            Some(true) => SourceChange::Changed,
            Some(false) => SourceChange::Unchanged,
            None => SourceChange::Unknown,
        }
    }
}
