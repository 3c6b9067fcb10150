//! The keys of one issuer: what workers read and the refresher writes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::{
    clock::{Clock, UnixTime, seconds},
    jose::JwkSet,
    keys::settings::{KeyOwner, KeySettings, KeylessOwner},
    readiness::{SourceGuard, SourceReadiness},
    refresh::ContentAge,
    telemetry::MetricRegistry,
};

use super::{
    FailureFacts, IssuerStatus, KeyError, KeyQuery, KeySet, KeyWait, Metrics,
    metrics::{self, SetMetrics},
    refresh_gate::RefreshGate,
    source,
};

/// The keys of one issuer, shared by all workers and its refresher.
///
/// What a request reads is lock-free. The only writer is the issuer's refresher.
#[derive(Debug)]
pub struct LiveKeySet {
    name: String,
    issuer: String,
    /// Where its keys come from; `None`: it has none.
    source: Option<String>,
    clock: Arc<dyn Clock>,
    set: ArcSwapOption<KeySet>,
    /// The set's generation, 0 while there is none: readable without touching the set.
    generation: AtomicU64,
    content_age: ContentAge,
    refresh_gate: RefreshGate,
    /// The keys of the set that this one takes the place of, until it has some.
    before: ArcSwapOption<KeySet>,
    readiness: SourceGuard,
    progress: Mutex<Progress>,
    metrics: SetMetrics,
}

/// State for status pages and logs only.
#[derive(Debug, Default)]
struct Progress {
    last_error: Option<FailureFacts>,
    next_refresh: Option<UnixTime>,
    from_snapshot: bool,
}

const NO_SOURCE: &str = "none: each token is introspected";

impl LiveKeySet {
    pub(super) fn new(
        settings: &KeyOwner,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let KeyOwner { name, issuer, keys, .. } = settings;
        let issuer = issuer.as_deref().unwrap_or("");
        Self::build((name, issuer), Some(keys), clock, metrics)
    }

    /// The keys of an issuer that has none: there will never be a set.
    pub(super) fn without_source(
        owner: &KeylessOwner,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let keys = Self::build((&owner.name, &owner.issuer), None, clock, metrics);
        keys.readiness.is_usable();
        keys
    }

    fn build(
        (name, issuer): (&str, &str),
        keys: Option<&KeySettings>,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let metrics = Metrics::register(metrics);
        let time = |of: fn(&KeySettings) -> Duration| keys.map(of).unwrap_or_default();
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            source: keys.map(|keys| source::describe(&keys.source)),
            clock,
            set: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            content_age: ContentAge::new(time(|keys| keys.max_stale), metrics.confirmed_at(name)),
            refresh_gate: RefreshGate::new(time(|keys| keys.cooldown), time(|keys| keys.timeout)),
            before: ArcSwapOption::empty(),
            readiness: SourceReadiness::default().source(name),
            progress: Mutex::default(),
            metrics: metrics.of_set(name),
        }
    }

    /// The name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has keys: without a source there will never be any.
    pub fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// The set to use now; `None` while there is none or it is older than `max_stale`.
    pub fn current(&self, now: UnixTime) -> Option<Arc<KeySet>> {
        if !self.content_age.is_fresh(now) {
            return None;
        }
        self.set.load_full()
    }

    /// The generation of [`Self::current`] for two atomic loads: what a cache hit reads.
    pub fn generation_now(&self, now: UnixTime) -> Option<u64> {
        // In this order, the reverse of the writer's: who sees a renewed deadline sees the set
        // that it belongs to.
        if !self.content_age.is_fresh(now) {
            return None;
        }
        Some(self.generation.load(Ordering::Acquire)).filter(|generation| *generation != 0)
    }

    /// When the source last confirmed the set.
    pub fn confirmed_at(&self) -> Option<UnixTime> {
        self.content_age.confirmed_at()
    }

    /// Requests a refresh because of an unknown `kid`, and waits for it within bounds: one fetch
    /// per cooldown whatever the number of requests, a bounded number of waiters, a deadline
    /// (threats K-8, K-9). Dropping the future affects no other request.
    ///
    /// Returns [`KeyWait::Refreshed`] only if the set has the `kid` now, so another lookup can't
    /// lead to another wait for the same reason.
    pub async fn refresh_for(&self, kid: &str) -> KeyWait {
        self.refresh_for_key(&KeyQuery::by_kid(Some(kid))).await
    }

    /// The same for a key by any of its names.
    pub async fn refresh_for_key(&self, query: &KeyQuery<'_>) -> KeyWait {
        let knows = || self.set.load().as_ref().is_some_and(|set| set.knows_any(query));
        self.refresh_gate.wait_for(&query.label(), knows).await
    }

    /// Why there are no usable keys, for `/readyz` and logs; `None` when there are.
    pub fn pending(&self, now: UnixTime) -> Option<String> {
        self.missing(now).map(|missing| format!("issuer {}: {missing}", self.name))
    }

    /// The same without the name.
    pub fn missing(&self, now: UnixTime) -> Option<String> {
        let source = self.source.as_ref()?;
        if self.generation_now(now).is_some() {
            return None;
        }
        let state = match self.confirmed_at() {
            None => "no keys yet".to_owned(),
            Some(at) => format!(
                "keys last confirmed {} s ago, more than max_stale = {} s",
                now.0.saturating_sub(at.0),
                self.content_age.max_stale()
            ),
        };
        let cause = match &self.progress().last_error {
            Some(error) => error.message.clone(),
            None => format!("waiting for the first answer of {source}"),
        };
        Some(format!("{state}; {cause}"))
    }

    /// Resolves once the source has responded or failed for the first time, or a snapshot of an
    /// earlier run is loaded.
    pub async fn first_read(&self) {
        self.readiness.first_read().await;
    }

    /// Whether [`Self::first_read`] has resolved.
    pub fn was_read(&self) -> bool {
        self.readiness.was_read()
    }

    /// Resolves once there have been keys.
    pub async fn usable(&self) {
        self.readiness.usable().await;
    }

    /// Everything that may be shown, for `/keys`.
    pub fn status(&self) -> IssuerStatus {
        let now = self.clock.now();
        let set = self.set.load_full();
        let pending = self.pending(now);
        let progress = self.progress();
        IssuerStatus {
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            source: self.source.clone().unwrap_or_else(|| NO_SOURCE.to_owned()),
            usable: pending.is_none(),
            pending,
            from_snapshot: progress.from_snapshot,
            generation: set.as_ref().map(|set| set.generation()),
            confirmed_at: self.confirmed_at().map(|at| at.0),
            usable_until: self.content_age.usable_until().map(|until| until.0),
            next_refresh: progress.next_refresh.map(|at| at.0),
            last_error: progress.last_error.clone(),
            unknown_kids: self.refresh_gate.unknown_kids(),
            keys: set.as_ref().map(|set| set.key_facts()).unwrap_or_default(),
            skipped: set.as_ref().map(|set| set.skipped_facts()).unwrap_or_default(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock()
    }
}

/// What an earlier configuration knows.
impl LiveKeySet {
    /// Begins with the keys of a set of the same source: they are what that had when it was last
    /// read, and no older here. `are_usable`: nothing has to be read first.
    pub(super) fn begin_with(&self, earlier: &Self, are_usable: bool) {
        let (Some(set), Some(confirmed_at)) = (earlier.set(), earlier.confirmed_at()) else {
            return;
        };
        self.set.store(Some(Arc::clone(&set)));
        self.generation.store(set.generation(), Ordering::Release);
        self.metrics.skipped(set.skipped());
        self.content_age.confirm(confirmed_at);
        self.progress().from_snapshot = earlier.progress().from_snapshot;
        if are_usable && self.generation_now(self.clock.now()).is_some() {
            self.readiness.is_usable();
        }
    }

    /// Takes the place of a set of another source.
    pub(super) fn replaces(&self, earlier: Option<&Self>) {
        self.before.store(earlier.and_then(Self::set));
    }

    /// The keys of the set whose place this one takes, for the first that it gets itself.
    pub(super) fn replaced_keys(&self) -> Option<Arc<KeySet>> {
        self.before.swap(None)
    }
}

/// What metrics show of it.
impl LiveKeySet {
    /// Shows the set in metrics from now on: its configuration is in force.
    pub(super) fn show(&self) {
        self.count_usable();
        self.metrics.show();
        self.content_age.show();
    }

    /// Ends that: another set of the name, or none, is in force.
    pub(super) fn hide(&self) {
        self.metrics.hide();
        self.content_age.hide();
    }
}

/// The refresher's side.
impl LiveKeySet {
    pub(super) fn refresh_gate(&self) -> &RefreshGate {
        &self.refresh_gate
    }

    /// The set, usable or not.
    pub(super) fn set(&self) -> Option<Arc<KeySet>> {
        self.set.load_full()
    }

    /// Replaces the content. Returns the sets before and after.
    pub(super) fn replace(&self, keys: JwkSet) -> (Option<Arc<KeySet>>, Arc<KeySet>) {
        let old = self.set.load_full();
        let new = Arc::new(match &old {
            Some(old) => old.successor(keys),
            None => KeySet::new(keys),
        });
        self.set.store(Some(Arc::clone(&new)));
        self.generation.store(new.generation(), Ordering::Release);
        self.metrics.skipped(new.skipped());
        (old, new)
    }

    pub(super) fn content_age(&self) -> &ContentAge {
        &self.content_age
    }

    /// An attempt that began at `started` was answered; the set is in place and confirmed.
    pub(super) fn answered(&self, started: Instant, replaced: bool, wait: Duration) {
        *self.progress() = Progress { next_refresh: Some(self.after(wait)), ..Progress::default() };
        let outcome = if replaced { metrics::CHANGED } else { metrics::UNCHANGED };
        self.metrics.refreshed(outcome);
        self.count_usable();
        self.refresh_gate.answered(started, replaced);
        self.readiness.is_usable();
    }

    /// An attempt failed; the next one is made after that time.
    pub(super) fn failed(&self, error: &KeyError, wait: Duration) {
        let now = self.clock.now();
        let mut progress = self.progress();
        progress.last_error = Some(FailureFacts::new(error, now.0));
        progress.next_refresh = Some(self.after(wait));
        drop(progress);
        self.metrics.refreshed(error.code());
        self.count_usable();
        self.refresh_gate.failed(Instant::now() + wait);
        self.readiness.mark_read();
    }

    /// The set in place comes from the snapshot.
    pub(super) fn taken_from_snapshot(&self) {
        self.progress().from_snapshot = true;
        self.count_usable();
        self.readiness.is_usable();
    }

    /// Updates the metric of usable keys.
    pub(super) fn count_usable(&self) {
        let set = self.current(self.clock.now());
        self.metrics.usable(set.map_or(0, |set| set.keys().len()));
    }

    fn after(&self, wait: Duration) -> UnixTime {
        UnixTime(self.clock.now().0.saturating_add(seconds(wait)))
    }
}
