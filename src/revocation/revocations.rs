//! The one answer that the verifier asks for: is this token revoked?

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{task::JoinHandle, time::sleep};

use crate::{
    clock::{Clock, UnixTime},
    config::{ListSettings, RevocationSettings},
    telemetry::Metrics,
};

use super::{
    Logout, LogoutRefusal,
    denylist::{Kind, TokenFacts},
    list::List,
    logouts::Logouts,
    watcher::{self, SWEEP_INTERVAL},
};

/// What is revoked under one configuration. Shared by all workers, and written by one task and
/// the admin listener.
#[derive(Debug)]
pub struct Revocations {
    settings: RevocationSettings,
    list: Option<Arc<List>>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What belongs to the process: configurations come and go, who has logged out stays so.
#[derive(Debug)]
pub(super) struct Shared {
    logouts: Logouts,
    /// Counts the changes. Never 0, so that 0 can mean "never looked up".
    generation: AtomicU64,
}

/// There is no list to decide by, and the configuration demands one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

impl Shared {
    /// Tells the workers to look again. After the change itself: who sees the new generation sees
    /// what it is about.
    pub(super) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Revocations {
    /// Nothing is revoked yet, and nothing is read before [`Self::start`].
    pub fn new(settings: &RevocationSettings, clock: Arc<dyn Clock>, metrics: &Metrics) -> Self {
        let logouts = Logouts::new(metrics);
        let shared = Arc::new(Shared { logouts, generation: AtomicU64::new(1) });
        Self::sharing(shared, settings, clock, metrics)
    }

    /// The same logouts under another configuration.
    #[must_use]
    pub fn successor(&self, settings: &RevocationSettings) -> Self {
        let shared = Arc::clone(&self.shared);
        Self::sharing(shared, settings, Arc::clone(&self.clock), &self.metrics)
    }

    fn sharing(
        shared: Arc<Shared>,
        settings: &RevocationSettings,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let list = settings.list.as_ref().map(|list| Arc::new(List::new(list, metrics)));
        Self { settings: settings.clone(), list, shared, clock, metrics: metrics.clone() }
    }

    /// Spawns what keeps the list fresh and forgets old logouts, on the current (control)
    /// runtime; the tasks end when their handles are aborted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let mut tasks = vec![tokio::spawn(forget_old_logouts(Arc::clone(self)))];
        if let (Some(list), Some(settings)) = (&self.list, &self.settings.list) {
            let (list, settings) = (Arc::clone(list), ListSettings::clone(settings));
            let (shared, clock) = (Arc::clone(&self.shared), Arc::clone(&self.clock));
            tasks.push(tokio::spawn(watcher::supervise(list, settings, shared, clock)));
        }
        tasks
    }

    /// The generation of what is known, for two atomic loads: what a cache hit asks. A token that
    /// was found clear under the same generation is still.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub fn generation_now(&self, now: UnixTime) -> Result<u64, Unavailable> {
        // In this order, the reverse of the watcher's: who sees a renewed deadline sees the
        // generation of the list that it belongs to.
        if self.list.as_ref().is_some_and(|list| !list.is_usable(now)) {
            return Err(Unavailable);
        }
        Ok(self.shared.generation.load(Ordering::Acquire))
    }

    /// By what the token is revoked, if it is.
    pub fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<Kind> {
        let listed = self.list.as_ref().and_then(|list| list.find(token, now));
        listed.or_else(|| self.shared.logouts.find(token, now))
    }

    /// Remembers a logout. When this returns, no worker admits a token of it any more.
    ///
    /// # Errors
    /// [`LogoutRefusal`]: nothing has changed.
    pub fn log_out(&self, logout: Logout) -> Result<(), LogoutRefusal> {
        let now = self.clock.now();
        let ttl = i64::try_from(self.settings.logout_ttl.as_secs()).unwrap_or(i64::MAX);
        let until = now.0.saturating_add(ttl);
        self.shared.logouts.add(logout, until, now, self.settings.max_logouts)?;
        self.shared.changed();
        Ok(())
    }

    /// Why nobody can decide yet, for `/readyz` and logs; `None` when somebody can.
    pub fn pending(&self, now: UnixTime) -> Option<String> {
        self.list.as_ref()?.pending(now)
    }

    /// Whether there is nothing to wait for: a first reading has ended, well or not, or there is
    /// no list to read.
    pub fn was_read(&self) -> bool {
        self.list.as_ref().is_none_or(|list| list.was_read())
    }

    /// What tokens are looked up in, in words, for `explain`.
    pub fn summary(&self) -> String {
        match &self.list {
            Some(list) => format!("not one of the {} entries of {}", list.len(), list.source()),
            None => "no list is configured".to_owned(),
        }
    }
}

async fn forget_old_logouts(revocations: Arc<Revocations>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        revocations.shared.logouts.drop_expired(revocations.clock.now());
    }
}
