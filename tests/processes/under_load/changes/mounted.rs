//! A folder of files, changed as Kubernetes changes a mounted `ConfigMap` or `Secret`: the files
//! are links into `..data`, which is itself a link to a folder, and is replaced by a rename.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The folder; removed when dropped.
#[derive(Debug)]
pub(super) struct MountedFolder {
    folder: tempfile::TempDir,
    version: usize,
}

/// How a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// All files at once, by the link to their folder.
    Swap,
    /// One file after the other, each by a rename.
    Rename,
}

impl MountedFolder {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), version: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// These are the files from now on.
    pub(super) fn replace(&mut self, files: &[(&str, String)], by: Replacement) {
        match by {
            Replacement::Swap => self.swap(files),
            Replacement::Rename => self.rename(files),
        }
    }

    fn swap(&mut self, files: &[(&str, String)]) {
        self.version += 1;
        let name = format!("..version-{}", self.version);
        let inner = self.file(&name);
        fs::create_dir(&inner).unwrap();
        for (file, text) in files {
            fs::write(inner.join(file), text).unwrap();
        }
        let (data, replacing) = (self.file("..data"), self.file("..data_tmp"));
        let before = fs::read_link(&data).ok();
        symlink(&name, &replacing).unwrap();
        fs::rename(&replacing, &data).unwrap();
        for (file, _) in files {
            self.link(file);
        }
        if let Some(before) = before {
            fs::remove_dir_all(self.file(&before.display().to_string())).unwrap();
        }
    }

    /// The file is a link into `..data`, whatever it was before.
    fn link(&self, file: &str) {
        let (place, target) = (self.file(file), Path::new("..data").join(file));
        if fs::read_link(&place).is_ok_and(|found| found == target) {
            return;
        }
        let replacing = self.file("..link");
        symlink(&target, &replacing).unwrap();
        fs::rename(&replacing, &place).unwrap();
    }

    fn rename(&self, files: &[(&str, String)]) {
        for (file, text) in files {
            let place = self.file(file);
            if fs::read_to_string(&place).is_ok_and(|found| found == *text) {
                continue;
            }
            let replacing = self.file(&format!(".{file}.new"));
            fs::write(&replacing, text).unwrap();
            fs::rename(&replacing, &place).unwrap();
        }
    }
}
