//! A `ConfigMap` as kubelet mounts it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

const KEY: &str = "countersign.toml";

/// `countersign.toml` → `..data/countersign.toml`, and `..data` → the folder of a version, which is
/// written before the link is replaced.
pub(crate) struct ConfigMap {
    folder: PathBuf,
    version: u32,
}

impl ConfigMap {
    /// In a new folder.
    pub(crate) fn mount(folder: PathBuf, text: &str) -> Self {
        fs::create_dir(&folder).unwrap();
        symlink(Path::new("..data").join(KEY), folder.join(KEY)).unwrap();
        let mounted = Self { folder, version: 0 };
        mounted.link(text);
        mounted
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(KEY)
    }

    /// Another version, at once; the one before is removed.
    pub(crate) fn swap(&mut self, text: &str) {
        let before = self.name();
        self.version += 1;
        self.link(text);
        fs::remove_dir_all(self.folder.join(before)).unwrap();
    }

    fn name(&self) -> String {
        format!("..2026_{}", self.version)
    }

    fn link(&self, text: &str) {
        let version = self.folder.join(self.name());
        fs::create_dir(&version).unwrap();
        fs::write(version.join(KEY), text).unwrap();
        symlink(self.name(), self.folder.join("..data_tmp")).unwrap();
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
    }
}
