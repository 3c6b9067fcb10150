//! A file that is read whole, with its metadata checked in between.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

use crate::{
    bounded::input::{InputError, read_path},
    config::byte_order_mark,
};

/// The file at a path, whichever that is at the moment.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    path: PathBuf,
    max_bytes: usize,
    deadline: Duration,
    stamp: Option<Stamp>,
}

/// The versions of some files, to find out later whether one has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileVersions(Vec<Option<Stamp>>);

/// Identifies a version of a file without reading it. A `ConfigMap` is swapped by a symbolic link,
/// which shows as another inode.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
}

/// Why there are no bytes.
#[derive(Debug)]
pub(crate) enum FileError {
    /// It is beyond what is granted to it.
    Limit { place: String, limit: FileLimit },
    /// It can't be read.
    Unreadable { place: String, cause: String },
}

/// What a file is granted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileLimit {
    Bytes(usize),
    Time(Duration),
}

impl WatchedFile {
    pub(crate) fn new(path: &Path, max_bytes: usize, deadline: Duration) -> Self {
        Self { path: path.to_owned(), max_bytes, deadline, stamp: None }
    }

    /// The path, for messages.
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Its bytes. A file that turns out to be broken is not read again before it is due or has
    /// changed.
    pub(crate) async fn read(&mut self) -> Result<Zeroizing<Vec<u8>>, FileError> {
        // Before the reading: what replaces the file meanwhile is another one.
        self.stamp = self.stamp_now().await;
        let reading = timeout(self.deadline, self.bytes()).await;
        let (stamp, bytes) = reading.map_err(|_| self.beyond(FileLimit::Time(self.deadline)))??;
        self.stamp = Some(stamp);
        Ok(bytes)
    }

    /// Whether the path holds another file than the one read last; `None` if it is gone or out
    /// of reach, which the next reading reports.
    pub(crate) async fn has_changed(&self) -> Option<bool> {
        self.stamp_now().await.map(|stamp| self.stamp != Some(stamp))
    }

    /// `None`: it is gone, or out of reach.
    async fn stamp_now(&self) -> Option<Stamp> {
        let metadata = timeout(self.deadline, tokio::fs::metadata(&self.path)).await;
        metadata.ok()?.ok().map(|metadata| Stamp::of(&metadata))
    }

    async fn bytes(&self) -> Result<(Stamp, Zeroizing<Vec<u8>>), FileError> {
        let (path, max_bytes) = (self.path.clone(), self.max_bytes);
        let read = spawn_blocking(move || read_whole(&path, max_bytes)).await;
        let refuse = |cause: String| FileError::Unreadable { place: self.place(), cause };
        let read = read.map_err(|error| refuse(error.to_string()))?;
        let (stamp, bytes) = read.map_err(|error| match error {
            InputError::Io(error) => refuse(error.to_string()),
            InputError::TooLarge(_) => self.beyond(FileLimit::Bytes(max_bytes)),
        })?;
        byte_order_mark::refuse(&bytes).map_err(|mark| refuse(mark.to_string()))?;
        Ok((stamp, bytes))
    }

    fn beyond(&self, limit: FileLimit) -> FileError {
        FileError::Limit { place: self.place(), limit }
    }
}

impl FileVersions {
    /// Those that are there now.
    pub(crate) fn now<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let stamp = |path: &Path| fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        Self(paths.into_iter().map(stamp).collect())
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

/// The stamp is taken before the bytes: a change in between shows as one later on.
fn read_whole(path: &Path, max_bytes: usize) -> Result<(Stamp, Zeroizing<Vec<u8>>), InputError> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file").into());
    }
    Ok((Stamp::of(&metadata), read_path(path, max_bytes as u64)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_can_not_be_read_is_not_read_again_before_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.json");
        let mut file = WatchedFile::new(&path, 4, Duration::from_secs(5));
        file.read().await.unwrap_err();
        assert_eq!(file.has_changed().await, None, "it is not there");
        fs::write(&path, "too large").unwrap();
        assert_eq!(file.has_changed().await, Some(true));
        file.read().await.unwrap_err();
        assert_eq!(file.has_changed().await, Some(false));
        fs::write(&path, "good").unwrap();
        assert_eq!(file.has_changed().await, Some(true));
        assert_eq!(&**file.read().await.unwrap(), b"good");
    }
}
