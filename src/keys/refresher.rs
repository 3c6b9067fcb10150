//! What keeps the keys of one issuer fresh: how they are read, and what follows.

mod report;

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    keys::settings::KeyOwner,
    refresh::{self, Confirmation, ContentAge, Refreshed, Schedule, SourceChange, Success},
};

use super::{
    KeyError, LiveKeySet,
    snapshot::KeySnapshot,
    source::{KeySetContent, Origin},
};

/// The parts of a refresher; `origin` builds the source that it fetches from.
pub(super) struct KeyRefreshPlan<M> {
    keys: Arc<LiveKeySet>,
    settings: KeyOwner,
    clock: Arc<dyn Clock>,
    origin: M,
}

/// The only writer of the keys of its issuer.
#[derive(Debug)]
pub(super) struct KeyRefresh<O> {
    keys: Arc<LiveKeySet>,
    origin: O,
    clock: Arc<dyn Clock>,
    snapshot: Option<KeySnapshot>,
}

impl<O, M: Fn(&KeyOwner) -> O> KeyRefreshPlan<M> {
    pub(super) fn new(
        keys: Arc<LiveKeySet>,
        settings: KeyOwner,
        clock: Arc<dyn Clock>,
        origin: M,
    ) -> Self {
        Self { keys, settings, clock, origin }
    }
}

impl<O: Origin, M: Fn(&KeyOwner) -> O + Send + Sync + 'static> refresh::RefreshPlan
    for KeyRefreshPlan<M>
{
    type Refresh = KeyRefresh<O>;

    fn refresh(&self) -> KeyRefresh<O> {
        KeyRefresh {
            keys: Arc::clone(&self.keys),
            origin: (self.origin)(&self.settings),
            clock: Arc::clone(&self.clock),
            snapshot: KeySnapshot::of(&self.settings),
        }
    }

    fn schedule(&self) -> Schedule {
        Schedule::new(self.settings.keys.refresh, self.settings.keys.max_stale)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn panicked(&self, cause: String, pause: Duration) {
        tracing::error!(issuer = self.keys.name(), cause, "the key refresher failed");
        self.keys.failed(&KeyError::Internal { cause }, pause);
    }
}

impl<O: Origin> refresh::Refresh for KeyRefresh<O> {
    type Content = KeySetContent;
    type Error = KeyError;

    /// A `ConfigMap` swap is noticed within these seconds, for one `stat` each time.
    const LOOK_INTERVAL: Duration = Duration::from_secs(5);

    fn content_age(&self) -> Option<&ContentAge> {
        Some(self.keys.content_age())
    }

    /// Keys of an earlier run are used until the source responds (threat K-13). Their age still
    /// counts from when the source last confirmed them.
    async fn restore(&mut self) -> Option<Confirmation> {
        if let Some(at) = self.keys.confirmed_at() {
            // Those of the configuration before, or of a refresher that has failed.
            return Some(Confirmation::earlier(at, &*self.clock));
        }
        let snapshot = self.snapshot.as_ref().filter(|_| self.keys.set().is_none())?;
        let (now, name) = (self.clock.now(), self.keys.name());
        match snapshot.load(now).await {
            Ok(Some((keys, fetched_at))) => {
                let (_, set) = self.keys.replace(keys);
                self.keys.content_age().confirm(fetched_at);
                self.keys.taken_from_snapshot();
                let (keys, age) = (set.keys().len(), now.0.saturating_sub(fetched_at.0));
                tracing::info!(issuer = name, keys, age, "keys from the snapshot");
                return Some(Confirmation::earlier(fetched_at, &*self.clock));
            }
            Ok(None) => tracing::debug!(issuer = name, "no snapshot yet"),
            Err(error) => tracing::warn!(issuer = name, %error, "the snapshot is ignored"),
        }
        None
    }

    async fn read(&mut self) -> Result<Refreshed<KeySetContent>, KeyError> {
        let reading = self.origin.read().await?;
        let confirmed = Confirmation::now(&*self.clock);
        Ok(Refreshed { content: reading.content, max_age: reading.max_age, confirmed })
    }

    fn replace(&mut self, content: KeySetContent) -> bool {
        if let (Some(snapshot), Some(document)) = (&mut self.snapshot, &content.document) {
            snapshot.remember(document, &content.keys);
        }
        let (old, new) = self.keys.replace(content.keys);
        let before = old.clone().or_else(|| self.keys.replaced_keys());
        report::changes(self.keys.name(), before.as_deref(), &new);
        old.is_none_or(|old| old.generation() != new.generation())
    }

    async fn succeeded(&mut self, Success { started, confirmed_at, changed, wait }: Success) {
        self.keys.answered(started, changed, wait);
        // Last, so that no request waits for the disk.
        if let Some(snapshot) = &mut self.snapshot
            && let Err(error) = snapshot.keep(confirmed_at, changed).await
        {
            tracing::warn!(issuer = self.keys.name(), %error, "the snapshot can't be written");
        }
    }

    fn failed(&mut self, error: &KeyError, wait: Duration) {
        self.keys.failed(error, wait);
        report::failure(&self.keys, error, wait, self.clock.now());
    }

    fn retry_after(error: &KeyError) -> Option<Duration> {
        error.retry_after()
    }

    async fn wanted(&mut self) {
        self.keys.refresh_gate().wanted().await;
    }

    async fn look(&mut self) -> SourceChange {
        self.keys.count_usable();
        if self.origin.has_changed().await { SourceChange::Changed } else { SourceChange::Unknown }
    }
}
