//! A list in a file.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    clock::UnixTime,
    config::ListSettings,
    fetch::FetchError,
    revocation::{Denylist, ListError},
};

use super::Look;

/// A file that is read whole, and looked at in between.
#[derive(Debug)]
pub(in crate::revocation) struct FileSource {
    path: PathBuf,
    deadline: Duration,
    max_bytes: usize,
    max_entries: usize,
    stamp: Option<Stamp>,
}

/// What tells a file from its successor without reading it. A `ConfigMap` is swapped by a
/// symbolic link, which shows as another inode.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
}

impl FileSource {
    pub(super) fn new(path: &Path, settings: &ListSettings) -> Self {
        Self {
            path: path.to_owned(),
            deadline: settings.timeout,
            max_bytes: settings.max_bytes,
            max_entries: settings.max_entries,
            stamp: None,
        }
    }

    pub(super) async fn read(&mut self, now: UnixTime) -> Result<Denylist, ListError> {
        let reading = timeout(self.deadline, self.bytes()).await;
        let (stamp, bytes) = reading
            .map_err(|_| FetchError::Timeout { place: self.place(), limit: self.deadline })??;
        // Also of a file that turns out to be broken: it is tried again when it is due, and a
        // repaired one is another file.
        self.stamp = Some(stamp);
        super::parse(bytes, self.max_entries, now, self.place()).await
    }

    pub(super) async fn look(&self) -> Look {
        let metadata = timeout(self.deadline, tokio::fs::metadata(&self.path)).await;
        match metadata {
            Ok(Ok(metadata)) if self.stamp == Some(Stamp::of(&metadata)) => Look::Same,
            Ok(Ok(_)) => Look::Changed,
            // Gone or out of reach: the next reading is soon enough to say so.
            _ => Look::Unknown,
        }
    }

    async fn bytes(&self) -> Result<(Stamp, Vec<u8>), ListError> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        let read = spawn_blocking(move || read_whole(&path, max_bytes)).await;
        let refuse = |cause: String| ListError::File { place: self.place(), cause };
        let read = read.map_err(|error| refuse(error.to_string()))?;
        let (stamp, bytes) = read.map_err(|error| refuse(error.to_string()))?;
        if bytes.len() > max_bytes {
            let (place, limit) = (self.place(), max_bytes);
            return Err(FetchError::TooLarge { place, limit }.into());
        }
        Ok((stamp, bytes))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Up to one byte more than `max_bytes`. The stamp is taken before the bytes: a change in between
/// shows as one later on.
fn read_whole(path: &Path, max_bytes: usize) -> io::Result<(Stamp, Vec<u8>)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let limit = u64::try_from(max_bytes.saturating_add(1)).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok((Stamp::of(&metadata), bytes))
}
