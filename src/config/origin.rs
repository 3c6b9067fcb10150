//! Where a value comes from.

use std::{
    collections::BTreeSet,
    fmt, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{place::TextPlace, reference::Reference};

/// Where a value comes from: a file with a line, a variable or a flag.
#[derive(Debug, Clone)]
pub(crate) struct ValueOrigin {
    pub(crate) source: Arc<OriginSource>,
    /// Where the key begins; the element in a list. Only files have places.
    pub(crate) place: Option<TextPlace>,
    /// The text as it was written, if variables or a file were put into it.
    pub(crate) reference: Option<Arc<Reference>>,
}

/// A file, a variable or a flag.
#[derive(Debug)]
pub(crate) struct OriginSource {
    /// `/etc/countersign.toml`, `environment variable X`, `flag --x`.
    pub(crate) name: String,
    /// What relative paths in it are relative to, absolute; `None`: the working directory.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) context: Arc<ReadContext>,
}

/// What holds for one reading of a configuration.
#[derive(Debug, Default)]
pub(crate) struct ReadContext {
    /// Check without the files, and without the variables, that the configuration names.
    pub(crate) lint: bool,
    /// What works, and should be written otherwise. Bounded by the settings that name files.
    notes: Mutex<BTreeSet<String>>,
}

impl ReadContext {
    pub(crate) fn new(lint: bool) -> Self {
        Self { lint, notes: Mutex::default() }
    }

    pub(crate) fn note(&self, note: String) {
        self.notes.lock().insert(note);
    }

    pub(crate) fn take_notes(&self) -> Vec<String> {
        mem::take(&mut *self.notes.lock()).into_iter().collect()
    }
}

impl OriginSource {
    /// What is no file.
    pub(crate) fn named(name: String, context: &Arc<ReadContext>) -> Arc<Self> {
        Arc::new(Self { name, folder: None, context: Arc::clone(context) })
    }

    /// The path that a relative one stands for.
    ///
    /// What exists only relative to the working directory is used, with a note: paths in files
    /// were relative to it before version 0.2.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        let Some(folder) = self.folder.as_ref().filter(|_| path.is_relative()) else {
            return path.to_owned();
        };
        let beside = folder.join(path);
        if self.context.lint || beside.exists() || !path.exists() {
            return beside;
        }
        self.context.note(format!(
            "{}: the path {} was found relative to the working directory only; expected it \
             relative to this file, as paths will be read in the future",
            self.name,
            path.display()
        ));
        path.to_owned()
    }
}

impl ValueOrigin {
    /// Somewhere in a source.
    pub(crate) fn new(source: &Arc<OriginSource>, place: Option<TextPlace>) -> Self {
        Self { source: Arc::clone(source), place, reference: None }
    }

    /// Whether the value is only a placeholder.
    pub(crate) fn is_unread(&self) -> bool {
        self.reference.as_ref().is_some_and(|reference| reference.is_unread)
    }
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)?;
        match self.place {
            Some(place) => write!(f, ":{place}"),
            None => Ok(()),
        }
    }
}
