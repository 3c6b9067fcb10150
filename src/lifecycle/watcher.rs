//! Watches the files of the configuration (`[reload] watch`), and has it read again when they have
//! changed.

use std::{path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::{
    admin::control::{ReloadTrigger, ReloadVerdict},
    refresh::{FileChange, FileSnapshot, settings::ReloadSettings},
};

use super::reload::{PendingReload, ReloadSource};

/// What to watch.
#[derive(Debug, Clone)]
pub(super) struct WatchTargets {
    pub(super) settings: ReloadSettings,
    pub(super) paths: Vec<PathBuf>,
    /// What was there when the configuration was read last, taken or not.
    pub(super) files: FileSnapshot,
    /// Whether it was taken.
    pub(super) in_force: bool,
}

/// After a refusal: what is missing may come without a change of these files, such as keys, or a
/// file that the configuration names.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// As long as this lasts, an operator looks at it.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// When to try a configuration again that was refused.
#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Instant,
    delay: Duration,
}

/// Watches until the control thread ends.
pub(super) async fn watch(
    mut targets: watch::Receiver<WatchTargets>,
    reloads: mpsc::Sender<PendingReload>,
) {
    let mut retry = None;
    loop {
        let WatchTargets { settings, paths, files, in_force } = targets.borrow_and_update().clone();
        retry = if in_force { None } else { retry.or_else(|| Some(Retry::after(FIRST_RETRY))) };
        let next = async {
            if !settings.watch {
                return std::future::pending().await;
            }
            next_change(&paths, &files, settings.interval, retry).await
        };
        let seen = tokio::select! {
            changed = targets.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            seen = next => seen,
        };
        match request(&reloads, seen).await {
            Some(verdict) if verdict.is_refused() => retry = Some(Retry::later_than(retry)),
            Some(_) => {}
            None => sleep(settings.interval).await,
        }
    }
}

/// Looks until there is something to read.
async fn next_change(
    paths: &[PathBuf],
    base: &FileSnapshot,
    interval: Duration,
    retry: Option<Retry>,
) -> FileSnapshot {
    let mut last = base.clone();
    loop {
        sleep(interval).await;
        let (paths, before) = (paths.to_owned(), last.clone());
        let look = spawn_blocking(move || FileSnapshot::take(paths, &before));
        let Ok(now) = look.await else { continue };
        let is_wanted = match base.change_until(&last, &now) {
            FileChange::Settled => true,
            FileChange::None => retry.is_some_and(|retry| retry.at <= Instant::now()),
            FileChange::Unsettled => false,
        };
        if is_wanted {
            return now;
        }
        last = now;
    }
}

/// The verdict. `None`: it could not be requested, or something else came before it.
async fn request(
    reloads: &mpsc::Sender<PendingReload>,
    seen: FileSnapshot,
) -> Option<ReloadVerdict> {
    let (done, verdict) = oneshot::channel();
    let (source, trigger) = (ReloadSource::Seen(seen), ReloadTrigger::Watch);
    reloads.try_send(PendingReload { source, trigger, done }).ok()?;
    verdict.await.ok()
}

impl Retry {
    fn after(delay: Duration) -> Self {
        Self { at: Instant::now() + delay, delay }
    }

    fn later_than(before: Option<Self>) -> Self {
        let delay = before.map_or(FIRST_RETRY, |before| before.delay * 2);
        Self::after(delay.min(LONGEST_RETRY))
    }
}
