//! The one answer that the verifier asks for: is this token revoked?

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{task::JoinHandle, time::sleep};

use crate::{
    clock::{Clock, UnixTime, seconds},
    readiness::{ReadinessGuard, SourceReadiness},
    revocation::settings::{ListSettings, RevocationSettings},
    shared::SharedStore,
    telemetry::Metrics,
};

use super::{
    Logout, LogoutRefusal,
    denylist::{Kind, TokenFacts},
    list::List,
    logouts::Logouts,
    shared_logouts::{Heard, LISTEN_INTERVAL, Listening, SharedLogouts},
    watcher::{self, SWEEP_INTERVAL},
};

/// What is revoked under one configuration. Shared by all workers, and written by one task and
/// the admin listener.
#[derive(Debug)]
pub struct Revocations {
    settings: RevocationSettings,
    list: Option<Arc<List>>,
    process: Arc<Process>,
    replicas: SharedLogouts,
    readiness: SourceReadiness,
    /// Released once all that the replicas know was heard, or if there are none.
    heard: ReadinessGuard,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// What belongs to the process: configurations come and go, who has logged out stays so.
#[derive(Debug)]
pub(super) struct Process {
    logouts: Logouts,
    /// Counts the changes. Never 0, so that 0 can mean "never looked up".
    generation: AtomicU64,
}

/// There is no list to decide by, and the configuration demands one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

impl Process {
    /// Tells the workers to look again. After the change itself: who sees the new generation sees
    /// what it is about.
    pub(super) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Revocations {
    /// Nothing is revoked yet, and nothing is read or heard of before [`Self::start`].
    pub fn new(
        settings: &RevocationSettings,
        shared: SharedStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let logouts = Logouts::new(metrics);
        let process = Arc::new(Process { logouts, generation: AtomicU64::new(1) });
        Self::of(process, settings, shared, clock, metrics)
    }

    /// The same logouts under another configuration.
    #[must_use]
    pub fn successor(&self, settings: &RevocationSettings, shared: SharedStore) -> Self {
        let process = Arc::clone(&self.process);
        Self::of(process, settings, shared, Arc::clone(&self.clock), &self.metrics)
    }

    fn of(
        process: Arc<Process>,
        settings: &RevocationSettings,
        shared: SharedStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let readiness = SourceReadiness::default();
        let list = settings.list.as_ref().map(|list| {
            let guard = readiness.source("revocation list");
            Arc::new(List::new(list, guard, metrics))
        });
        let heard = readiness.tried().guard("logouts of other replicas");
        if !shared.is_configured() {
            heard.release();
        }
        let replicas = SharedLogouts::new(shared);
        let (settings, metrics) = (settings.clone(), metrics.clone());
        Self { settings, list, process, replicas, readiness, heard, clock, metrics }
    }

    /// Spawns what keeps the list fresh, forgets old logouts and hears of new ones, on the current
    /// (control) runtime; the tasks end when their handles are aborted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let mut tasks = vec![
            tokio::spawn(forget_old_logouts(Arc::clone(self))),
            tokio::spawn(listen_to_replicas(Arc::clone(self))),
        ];
        if let (Some(list), Some(settings)) = (&self.list, &self.settings.list) {
            let (list, settings) = (Arc::clone(list), ListSettings::clone(settings));
            let (process, clock) = (Arc::clone(&self.process), Arc::clone(&self.clock));
            tasks.push(tokio::spawn(watcher::supervise(list, settings, process, clock)));
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
        Ok(self.process.generation.load(Ordering::Acquire))
    }

    /// By what the token is revoked, if it is.
    pub fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<Kind> {
        let listed = self.list.as_ref().and_then(|list| list.find(token, now));
        listed.or_else(|| self.process.logouts.find(token, now))
    }

    /// Remembers a logout, and tells the other replicas. When this returns, no worker of this one
    /// admits a token of it any more.
    ///
    /// # Errors
    /// [`LogoutRefusal`]: nothing has changed.
    pub fn log_out(&self, logout: &Logout) -> Result<(), LogoutRefusal> {
        let now = self.clock.now();
        let ttl = seconds(self.settings.logout_ttl);
        let until = now.0.saturating_add(ttl);
        self.process.logouts.add(logout.clone(), until, now, self.settings.max_logouts)?;
        self.process.changed();
        self.replicas.tell(logout, until, now);
        Ok(())
    }

    /// Remembers what other replicas were told. Most of it is known: it comes at least once.
    fn take_over(&self, heard: Vec<Heard>) {
        let now = self.clock.now();
        let (mut news, mut refused) = (false, 0_u64);
        for Heard { logout, until } in heard.into_iter().filter(|heard| now.0 < heard.until) {
            match self.process.logouts.add(logout, until, now, self.settings.max_logouts) {
                Ok(()) => news = true,
                Err(LogoutRefusal::Replayed) => {}
                Err(LogoutRefusal::Full) => refused += 1,
            }
        }
        if news {
            self.process.changed();
        }
        if refused > 0 {
            let most = self.settings.max_logouts;
            tracing::warn!(refused, most, "logouts of other replicas are not remembered: full");
        }
    }

    /// Why no decision is possible yet, for `/readyz` and logs; `None` when one is.
    pub fn pending(&self, now: UnixTime) -> Option<String> {
        self.list.as_ref()?.pending(now)
    }

    /// What is waited for: the list, and what the replicas know, as far as there are any. Without
    /// the replicas' logouts decisions can be made.
    pub fn readiness(&self) -> &SourceReadiness {
        &self.readiness
    }

    /// What tokens are looked up in, in words, for `explain`.
    pub fn summary(&self) -> String {
        match &self.list {
            Some(list) => format!("not one of the {} entries of {}", list.len(), list.source()),
            None => "no list is configured".to_owned(),
        }
    }
}

async fn listen_to_replicas(revocations: Arc<Revocations>) {
    let mut position = Listening::default();
    let mut connections = revocations.replicas.connections();
    loop {
        // Before reading: a connection that is made from here on is a reason to read on.
        connections.mark_seen();
        while let Some(heard) = revocations.replicas.next(&mut position).await {
            revocations.take_over(heard);
            if position.is_at_the_end() {
                revocations.heard.release();
            }
        }
        tokio::select! {
            () = sleep(LISTEN_INTERVAL) => {}
            // A start waits for what the replicas know, and the store connects within milliseconds.
            () = connections.next() => {}
        }
    }
}

async fn forget_old_logouts(revocations: Arc<Revocations>) {
    loop {
        sleep(SWEEP_INTERVAL).await;
        revocations.process.logouts.drop_expired(revocations.clock.now());
    }
}
