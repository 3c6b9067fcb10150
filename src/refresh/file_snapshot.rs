//! What some files held at one moment, and whether they have changed for good since.
//!
//! A file that is written in place can be read half-written, and half of a configuration may be
//! valid and laxer (threats X-10). So a change counts once it is complete: after an atomic
//! replacement at once, else when two looks in a row find the same.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::bounded::input::read_path;

/// The largest file that is compared: four times the largest configuration.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The most entries of a folder that are compared: many times what a configuration may include.
const MAX_ENTRIES: usize = 10_000;

/// What was found at each path. `None`: nothing that can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileSnapshot(BTreeMap<PathBuf, Option<FileVersion>>);

/// One version of a file, or of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    /// Where all symbolic links lead: a mounted `ConfigMap` or `Secret` is replaced by changing one.
    target: PathBuf,
    inode: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    /// When its metadata changed last. Renaming a file changes that and not when it was modified.
    changed: (i64, i64),
    content: [u8; 32],
}

/// What has become of files since a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileChange {
    /// They hold the same.
    None,
    /// Some hold something else, and may still be written.
    Unsettled,
    /// Some hold something else, and all of them are complete.
    Settled,
}

impl FileSnapshot {
    /// Looks at these files. The content is read only of those that are not as in `before`.
    pub(crate) fn take(paths: impl IntoIterator<Item = PathBuf>, before: &Self) -> Self {
        let look = |path: PathBuf| {
            let version = FileVersion::look(&path, before.version(&path));
            (path, version)
        };
        Self(paths.into_iter().map(look).collect())
    }

    /// The files, in their order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }

    /// Whether it has looked at all of these files.
    pub(crate) fn covers(&self, paths: &[PathBuf]) -> bool {
        paths.iter().all(|path| self.0.contains_key(path))
    }

    /// Whether every file of both holds the same in both.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let shared = self.0.iter().filter_map(|(path, one)| Some((one, other.0.get(path)?)));
        shared.into_iter().all(|(one, other)| content(one.as_ref()) == content(other.as_ref()))
    }

    /// Whether it has looked at all files of the other one, and found the same.
    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        other.paths().all(|path| self.0.contains_key(path)) && self.agrees_with(other)
    }

    /// What has become of the files until `now`, which was looked at after `last`.
    pub(crate) fn change_until(&self, last: &Self, now: &Self) -> FileChange {
        let mut change = FileChange::None;
        for (path, found) in &now.0 {
            let known = self.0.get(path);
            let is_same =
                known.is_some_and(|known| content(known.as_ref()) == content(found.as_ref()));
            if is_same {
                continue;
            }
            if !is_complete(last.version(path), found.as_ref()) {
                return FileChange::Unsettled;
            }
            change = FileChange::Settled;
        }
        change
    }

    fn version(&self, path: &Path) -> Option<&FileVersion> {
        self.0.get(path)?.as_ref()
    }
}

fn content(version: Option<&FileVersion>) -> Option<&[u8; 32]> {
    version.map(|version| &version.content)
}

/// Whether what was found is no part of something longer.
fn is_complete(last: Option<&FileVersion>, found: Option<&FileVersion>) -> bool {
    match (last, found) {
        (Some(last), Some(found)) => found == last || found.has_replaced(last),
        (None, found) => found.is_none(),
        (Some(_), None) => false,
    }
}

impl FileVersion {
    fn look(path: &Path, before: Option<&Self>) -> Option<Self> {
        let target = fs::canonicalize(path).ok()?;
        let metadata = fs::metadata(&target).ok()?;
        let content = match before.filter(|before| before.has_metadata(&target, &metadata)) {
            Some(before) => before.content,
            None if metadata.is_dir() => names_in(&target)?,
            None if metadata.is_file() => content_of(&target)?,
            None => return None,
        };
        Some(Self {
            target,
            inode: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            content,
        })
    }

    fn has_metadata(&self, target: &Path, metadata: &Metadata) -> bool {
        self.target == target
            && self.inode == (metadata.dev(), metadata.ino())
            && self.bytes == metadata.len()
            && self.modified == (metadata.mtime(), metadata.mtime_nsec())
            && self.changed == (metadata.ctime(), metadata.ctime_nsec())
    }

    /// Whether it took the place of the other in one step: a link leads elsewhere, or a file was
    /// renamed after it was written. One that was deleted and is written again has another inode as
    /// well, but was changed last when it was modified last.
    fn has_replaced(&self, other: &Self) -> bool {
        self.target != other.target || (self.inode != other.inode && self.changed > self.modified)
    }
}

fn content_of(path: &Path) -> Option<[u8; 32]> {
    hash(&read_path(path, MAX_FILE_BYTES).ok()?)
}

/// Of a folder the names count. Hidden ones are never included, and change with every version of a
/// `ConfigMap`.
fn names_in(folder: &Path) -> Option<[u8; 32]> {
    let entries = fs::read_dir(folder).ok()?.take(MAX_ENTRIES);
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().into_encoded_bytes()));
    let mut names: Vec<_> = names.filter(|name| !name.starts_with(b".")).collect();
    names.sort_unstable();
    hash(&names.join(&0))
}

fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
    digest(&SHA256, bytes).as_ref().try_into().ok()
}

#[cfg(test)]
mod tests;
