//! Reading a new configuration, and which version of its files it was.

use tokio::task::spawn_blocking;

use crate::{
    config::ConfigErrors,
    refresh::FileSnapshot,
    settings::{self, Settings, Sources},
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
    /// The files as they were when it was read.
    pub(in crate::lifecycle) files: FileSnapshot,
}

/// Why there is no new configuration.
pub(in crate::lifecycle) enum NoSettings {
    /// Every mistake.
    Mistakes(Vec<String>),
    /// A file has changed in the meantime.
    StillChanging,
}

/// How often the configuration is read again because it names files that were not looked at.
const MAX_READINGS: usize = 3;

impl ReloadSource {
    /// The new configuration; `known` are the files of the one in use.
    pub(in crate::lifecycle) async fn read(
        self,
        sources: Option<&Sources>,
        known: FileSnapshot,
    ) -> ReadConfiguration {
        let expected = match self {
            Self::Given(settings) => {
                return ReadConfiguration { settings: Ok(*settings), files: known };
            }
            Self::Seen(files) => Some(files),
            Self::Reread => None,
        };
        let Some(sources) = sources.cloned() else {
            return without_settings("the configuration does not come from files", known);
        };
        let before = known.clone();
        let reading = spawn_blocking(move || read_files(&sources, &before, expected.as_ref()));
        match reading.await {
            Ok(read) => read,
            Err(error) => without_settings(&format!("reading it failed: {error}"), known),
        }
    }
}

/// Reads a configuration and looks at its files before: what is changed while it is read shows as a
/// change later on. With `expected`, they must hold that, before and after.
pub(in crate::lifecycle) fn read_files(
    sources: &Sources,
    known: &FileSnapshot,
    expected: Option<&FileSnapshot>,
) -> ReadConfiguration {
    let own = sources.file.iter().cloned();
    let mut paths: Vec<_> = known.paths().cloned().chain(own.clone()).collect();
    let mut files = FileSnapshot::take(paths.clone(), known);
    let mut settings = settings::load(sources);
    for _ in 1..MAX_READINGS {
        let Ok(read) = &settings else { break };
        paths = own.clone().chain(read.reload_files()).collect();
        if files.covers(&paths) {
            break;
        }
        files = FileSnapshot::take(paths.clone(), &files);
        settings = settings::load(sources);
    }
    if let Some(expected) = expected {
        let after = FileSnapshot::take(paths, &files);
        if !files.agrees_with(expected) || !after.agrees_with(&files) {
            return ReadConfiguration { settings: Err(NoSettings::StillChanging), files };
        }
    }
    let settings = settings.map_err(|ConfigErrors(mistakes)| {
        NoSettings::Mistakes(mistakes.iter().map(ToString::to_string).collect())
    });
    ReadConfiguration { settings, files }
}

fn without_settings(reason: &str, files: FileSnapshot) -> ReadConfiguration {
    let settings = Err(NoSettings::Mistakes(vec![reason.to_owned()]));
    ReadConfiguration { settings, files }
}
