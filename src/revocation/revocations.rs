//! Decides whether a verified token is revoked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    clock::{Clock, UnixTime, seconds},
    readiness::{Dependency, DependencyKind, Importance, ReadinessGuard, SourceReadiness},
    revocation::settings::RevocationSettings,
    shared::SharedStore,
    tasks::Tasks,
    telemetry::MetricRegistry,
};

use super::{
    Logout, LogoutRefusal, Metrics,
    denylist::{RevokedBy, TokenFacts},
    list::RevocationList,
    logouts::Logouts,
    shared_logouts::{LISTEN_INTERVAL, Listening, SharedLogout, SharedLogouts},
    watched_list::{ListSurroundings, WatchedList},
};

/// What is revoked under one configuration. Shared by all workers, and written by one task and
/// the admin listener.
#[derive(Debug)]
pub struct Revocations {
    settings: RevocationSettings,
    list: Option<WatchedList>,
    process: Arc<Process>,
    replicas: SharedLogouts,
    readiness: SourceReadiness,
    /// Released once all logouts of other replicas were read, or if there are no replicas.
    received: ReadinessGuard,
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

/// How often old logouts are forgotten: often enough that it is never many at once.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// There is no list to decide by, and the configuration demands one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;

impl Process {
    /// Invalidates the workers' caches. Called after the change itself: a worker that sees the new
    /// generation sees the change.
    pub(super) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Revocations {
    /// Nothing is revoked yet. The tasks keep the list fresh, forget old logouts and read those of
    /// other replicas, once they are spawned.
    pub fn new(
        settings: &RevocationSettings,
        shared: SharedStore,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> (Arc<Self>, Tasks) {
        let metrics = Metrics::register(metrics);
        let logouts = Logouts::new(&metrics);
        let process = Arc::new(Process { logouts, generation: AtomicU64::new(1) });
        Self::of(process, None, settings, shared, clock, metrics)
    }

    /// A successor under another configuration, with the same logouts, and the same list where its
    /// source is.
    pub fn successor(
        &self,
        settings: &RevocationSettings,
        shared: SharedStore,
    ) -> (Arc<Self>, Tasks) {
        let (process, list) = (Arc::clone(&self.process), self.list.as_ref());
        let clock = Arc::clone(&self.clock);
        Self::of(process, list, settings, shared, clock, self.metrics.clone())
    }

    fn of(
        process: Arc<Process>,
        earlier: Option<&WatchedList>,
        settings: &RevocationSettings,
        shared: SharedStore,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> (Arc<Self>, Tasks) {
        let (readiness, mut tasks) = (SourceReadiness::default(), Tasks::default());
        let with = ListSurroundings {
            process: &process,
            readiness: &readiness,
            clock: &clock,
            metrics: &metrics,
        };
        let list = settings.list.as_ref();
        let list = list.map(|list| WatchedList::new(list, earlier, &with, &mut tasks));
        let received = readiness.first_read().guard("logouts of other replicas");
        if !shared.is_configured() {
            received.release();
        }
        let replicas = SharedLogouts::new(shared);
        let settings = settings.clone();
        let revocations = Arc::new(Self {
            settings,
            list,
            process,
            replicas,
            readiness,
            received,
            clock,
            metrics,
        });
        tasks.add(forget_old_logouts(Arc::clone(&revocations)));
        tasks.add(listen_to_replicas(Arc::clone(&revocations)));
        (revocations, tasks)
    }

    fn list(&self) -> Option<&RevocationList> {
        self.list.as_ref().map(|watched| &*watched.list)
    }

    /// The generation of what is known, for two atomic loads: what a cache hit reads. A token found
    /// not revoked under the same generation still is not.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub fn generation_now(&self, now: UnixTime) -> Result<u64, Unavailable> {
        // In this order, the reverse of the watcher's: who sees a renewed deadline sees the
        // generation of the list that it belongs to.
        if self.list().is_some_and(|list| !list.is_usable(now)) {
            return Err(Unavailable);
        }
        Ok(self.process.generation.load(Ordering::Acquire))
    }

    /// By what the token is revoked, if it is.
    pub fn find(&self, token: &TokenFacts<'_>, now: UnixTime) -> Option<RevokedBy> {
        let listed = self.list().and_then(|list| list.find(token, now));
        listed.or_else(|| self.process.logouts.find(token, now))
    }

    /// Records a logout, and publishes it to the other replicas. When this returns, no worker of
    /// this replica admits its tokens any more.
    ///
    /// # Errors
    /// [`LogoutRefusal`]: nothing has changed.
    pub fn log_out(&self, logout: &Logout) -> Result<(), LogoutRefusal> {
        let now = self.clock.now();
        let ttl = seconds(self.settings.logout_ttl);
        let until = now.0.saturating_add(ttl);
        self.process.logouts.add(logout.clone(), until, now, self.settings.max_logouts)?;
        self.process.changed();
        self.replicas.publish(logout, until, now);
        Ok(())
    }

    /// Records logouts of other replicas. Most of them are known: each comes at least once.
    fn take_over(&self, received: Vec<SharedLogout>) {
        let now = self.clock.now();
        let (mut news, mut refused) = (false, 0_u64);
        for SharedLogout { logout, until } in
            received.into_iter().filter(|received| now.0 < received.until)
        {
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
            tracing::warn!(refused, most, "logouts of other replicas are not stored: full");
        }
    }

    /// Why no decision is possible yet, for `/readyz` and logs; `None` when one is.
    pub fn pending(&self, now: UnixTime) -> Option<String> {
        self.dependency(now)?.trouble()
    }

    /// The list, if there is one; `None`: there is none.
    pub fn dependency(&self, now: UnixTime) -> Option<Dependency> {
        let missing = self.list()?.missing(now);
        let list = Dependency::optional(DependencyKind::RevocationList, "", missing);
        Some(list.of_importance(Importance::Required))
    }

    /// Readiness: of the list, and of the replicas' logouts, if configured. Without the replicas'
    /// logouts decisions can be made.
    pub fn readiness(&self) -> &SourceReadiness {
        &self.readiness
    }

    /// Shows the list in metrics from now on: its configuration is in force.
    pub(crate) fn show(&self) {
        self.list().into_iter().for_each(RevocationList::show);
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.list().into_iter().for_each(RevocationList::hide);
    }

    /// Resolves once the list was read for the first time, well or not; at once where there is none,
    /// and where it is that of the configuration before.
    pub async fn list_read(&self) {
        if let Some(watched) = self.list.as_ref().filter(|watched| !watched.goes_on) {
            watched.list.first_read().await;
        }
    }

    /// What tokens are looked up in, in words, for `explain`.
    pub fn summary(&self) -> String {
        match self.list() {
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
        while let Some(received) = revocations.replicas.next(&mut position).await {
            revocations.take_over(received);
            if position.is_at_the_end() {
                revocations.received.release();
            }
        }
        tokio::select! {
            () = sleep(LISTEN_INTERVAL) => {}
            // A start waits for the replicas' logouts, and the store connects within milliseconds.
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
