//! Reading a new configuration, and which version of its files it was.

use std::path::PathBuf;

use tokio::task::spawn_blocking;

use crate::{
    config::ConfigErrors,
    refresh::FileSnapshot,
    settings::{self, ConfigReading, ReadFiles, Settings, Sources},
};

/// Where the new configuration comes from.
#[derive(Debug)]
pub(in crate::lifecycle) enum ReloadSource {
    /// From where the one in use came.
    Reread,
    /// From there, if the files still hold what was seen in them.
    Seen(FileSnapshot),
    /// From the program.
    Given(Box<Settings>),
}

/// What was read.
pub(in crate::lifecycle) struct ReadConfiguration {
    pub(in crate::lifecycle) settings: Result<Settings, NoSettings>,
    /// What it was read from: files, and folders with files.
    pub(in crate::lifecycle) paths: Vec<PathBuf>,
    /// These as they were when it was read.
    pub(in crate::lifecycle) files: FileSnapshot,
}

/// Why there is no new configuration.
pub(in crate::lifecycle) enum NoSettings {
    /// Every mistake.
    Mistakes(Vec<String>),
    /// A file has changed in the meantime, or there is another one.
    StillChanging,
}

/// How often the configuration is read again because it names files that were not looked at.
const MAX_READINGS: usize = 3;

impl ReloadSource {
    /// Whether all that has been seen is `known` already.
    pub(in crate::lifecycle) fn has_seen_only(&self, known: &FileSnapshot) -> bool {
        matches!(self, Self::Seen(files) if known.has_all_of(files))
    }

    /// The new configuration; `known` are the files of the one that was read last.
    pub(in crate::lifecycle) async fn read(
        self,
        sources: Option<&Sources>,
        known: FileSnapshot,
    ) -> ReadConfiguration {
        let expected = match self {
            Self::Given(settings) => return ReadConfiguration::unchanged(known, Ok(*settings)),
            Self::Seen(files) => Some(files),
            Self::Reread => None,
        };
        let mistake =
            |text: &str| Err(NoSettings::Mistakes(vec![format!("the configuration {text}")]));
        let Some(sources) = sources.cloned() else {
            return ReadConfiguration::unchanged(known, mistake("does not come from files"));
        };
        let before = known.clone();
        let reading = spawn_blocking(move || read_files(&sources, &before, expected.as_ref()));
        let failed = |_| ReadConfiguration::unchanged(known, mistake("can't be read: see the log"));
        reading.await.unwrap_or_else(failed)
    }
}

/// Reads a configuration, and looks at its files before: what changes while it is read shows as a
/// change later on. With `expected`, they must hold that, before and after.
pub(in crate::lifecycle) fn read_files(
    sources: &Sources,
    known: &FileSnapshot,
    expected: Option<&FileSnapshot>,
) -> ReadConfiguration {
    let mut files = FileSnapshot::take(known.paths().cloned(), known);
    let mut reading = settings::read(sources);
    let mut paths = paths_of(&reading, known);
    for _ in 1..MAX_READINGS {
        if files.covers(&paths) || expected.is_some() {
            break;
        }
        files = FileSnapshot::take(paths.iter().cloned(), &files);
        reading = settings::read(sources);
        paths = paths_of(&reading, known);
    }
    let is_as_expected = expected.is_none_or(|expected| {
        let after = FileSnapshot::take(paths.iter().cloned(), &files);
        expected.covers(&paths) && files.agrees_with(expected) && after.agrees_with(expected)
    });
    let settings = if is_as_expected {
        reading.into_settings().map_err(|ConfigErrors(mistakes)| {
            NoSettings::Mistakes(mistakes.iter().map(ToString::to_string).collect())
        })
    } else {
        Err(NoSettings::StillChanging)
    };
    ReadConfiguration { settings, paths, files }
}

/// What was read, and what only a reload reads of what the settings name. With mistakes that is not
/// known, and what was known before stays.
fn paths_of(reading: &ConfigReading, known: &FileSnapshot) -> Vec<PathBuf> {
    let ReadFiles { files, folders } = &reading.files;
    let mut paths: Vec<_> = files.iter().chain(folders).cloned().collect();
    match &reading.settings {
        Ok(Some(settings)) => paths.extend(settings.reload_files()),
        Ok(None) | Err(_) => paths.extend(known.paths().cloned()),
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}

impl ReadConfiguration {
    fn unchanged(files: FileSnapshot, settings: Result<Settings, NoSettings>) -> Self {
        Self { settings, paths: files.paths().cloned().collect(), files }
    }
}
