//! The list of one configuration with the task that watches it, and what the next configuration
//! takes over of both.

use std::{path::Path, sync::Arc};

use crate::{
    clock::Clock,
    fetch::settings::EgressProxySettings,
    readiness::SourceReadiness,
    refresh::{FileVersions, keep_fresh},
    revocation::settings::{ListSettings, ListSource},
    tasks::{KeptTask, Tasks},
};

use super::{Metrics, list::RevocationList, revocations::Process, watcher::ListRefreshPlan};

/// A list that is kept fresh.
#[derive(Debug)]
pub(super) struct WatchedList {
    pub(super) list: Arc<RevocationList>,
    settings: ListSettings,
    trust_files: FileVersions,
    watcher: KeptTask,
    /// Whether it is that of the configuration before.
    pub(super) goes_on: bool,
}

/// What a list is made with, besides its settings.
pub(super) struct ListSurroundings<'s> {
    pub(super) process: &'s Arc<Process>,
    pub(super) readiness: &'s SourceReadiness,
    pub(super) clock: &'s Arc<dyn Clock>,
    pub(super) metrics: &'s Metrics,
}

impl WatchedList {
    /// The list of these settings, and its watcher among the tasks. An unchanged URL goes on with
    /// the list and the watcher of `earlier`: nothing is read, and nothing is waited for. One that
    /// is only read in another way begins with that list. So does a file, which is read again in
    /// any case: it may have changed just now.
    pub(super) fn new(
        settings: &ListSettings,
        earlier: Option<&Self>,
        with: &ListSurroundings<'_>,
        tasks: &mut Tasks,
    ) -> Self {
        let trust_files = FileVersions::now(trust_files(settings));
        let known = earlier.filter(|earlier| {
            earlier.trust_files == trust_files && has_same_source(&earlier.settings, settings)
        });
        let is_file = matches!(settings.source, ListSource::File(_));
        if let Some(known) = known
            && known.settings == *settings
            && !is_file
            && tasks.take_over(&known.watcher)
        {
            let (list, watcher) = (Arc::clone(&known.list), known.watcher.clone());
            let settings = settings.clone();
            return Self { list, settings, trust_files, watcher, goes_on: true };
        }
        let guard = with.readiness.source("revocation list");
        let list = Arc::new(RevocationList::new(settings, guard, with.metrics));
        if let Some(known) = known {
            list.begin_with(&known.list, !is_file, with.clock.now());
        }
        let watcher = tasks.add_kept(keep_fresh(ListRefreshPlan {
            list: Arc::clone(&list),
            settings: settings.clone(),
            process: Arc::clone(with.process),
            clock: Arc::clone(with.clock),
        }));
        Self { list, settings: settings.clone(), trust_files, watcher, goes_on: false }
    }
}

/// Whether both read the same list, however often.
fn has_same_source(one: &ListSettings, other: &ListSettings) -> bool {
    let ListSettings { refresh, max_stale, on_failure, timeout, .. } = one.clone();
    *one == ListSettings { refresh, max_stale, on_failure, timeout, ..other.clone() }
}

/// The files that say which server is trusted as the source, and how it is reached.
fn trust_files(settings: &ListSettings) -> impl Iterator<Item = &Path> {
    let proxy = settings.proxy.as_ref().and_then(EgressProxySettings::secret_file);
    settings.ca_file.as_deref().into_iter().chain(proxy.map(|(_, file)| file))
}
