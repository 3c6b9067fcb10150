//! What keeps the list fresh: how it is read, and what follows.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    fetch::FetchError,
    refresh::{self, Confirmation, ContentAge, Refreshed, Schedule, SourceChange, Success},
    revocation::settings::ListSettings,
};

use super::{
    Denylist, ListError, list::RevocationList, revocations::Process, source::OpenListSource,
};

/// The parts of a watcher.
#[derive(Debug)]
pub(super) struct ListRefreshPlan {
    pub(super) list: Arc<RevocationList>,
    pub(super) settings: ListSettings,
    pub(super) process: Arc<Process>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The only writer of the list.
#[derive(Debug)]
pub(super) struct ListRefresh {
    list: Arc<RevocationList>,
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
    source: OpenListSource,
}

impl refresh::RefreshPlan for ListRefreshPlan {
    type Refresh = ListRefresh;

    fn refresh(&self) -> ListRefresh {
        ListRefresh {
            list: Arc::clone(&self.list),
            process: Arc::clone(&self.process),
            clock: Arc::clone(&self.clock),
            source: OpenListSource::new(&self.settings),
        }
    }

    fn schedule(&self) -> Schedule {
        Schedule::new(self.settings.refresh, self.settings.max_stale)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn panicked(&self, cause: String, _pause: Duration) {
        tracing::error!(cause, "the watcher of the revocation list failed");
        self.list.failed(&FetchError::Internal { cause }.into(), self.clock.now());
    }
}

impl refresh::Refresh for ListRefresh {
    type Content = Denylist;
    type Error = ListError;

    /// A revocation in a file is noticed within a second, for one `stat` each time.
    const LOOK_INTERVAL: Duration = Duration::from_secs(1);

    fn content_age(&self) -> Option<&ContentAge> {
        Some(self.list.content_age())
    }

    async fn read(&mut self) -> Result<Refreshed<Denylist>, ListError> {
        // Before reading: what is revoked meanwhile may not be in it.
        let confirmed = Confirmation::now(&*self.clock);
        let content = self.source.read(confirmed.at()).await?;
        Ok(Refreshed { content, max_age: None, confirmed })
    }

    fn replace(&mut self, list: Denylist) -> bool {
        let entries = list.len();
        let changed = self.list.replace(list);
        if changed {
            self.process.changed();
            tracing::info!(entries, "the revocation list has changed");
        }
        changed
    }

    async fn succeeded(&mut self, success: Success) {
        self.list.succeeded(success.changed);
    }

    fn failed(&mut self, error: &ListError, wait: Duration) {
        let (code, now) = (error.code(), self.clock.now());
        self.list.failed(error, now);
        if self.list.is_fresh(now) {
            tracing::warn!(code, %error, ?wait, "the revocation list can't be read; the last one is used");
        } else {
            tracing::error!(code, %error, ?wait, "there is no fresh revocation list");
        }
    }

    fn retry_after(error: &ListError) -> Option<Duration> {
        error.retry_after()
    }

    async fn look(&mut self) -> SourceChange {
        self.source.look().await
    }
}
