//! The introspectors of one configuration, and how their endpoints do.

use std::{sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use prometheus::{Histogram, IntCounterVec, IntGauge};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    clock::{Clock, UnixTime},
    fetch::FetchError,
    introspection::settings::IntrospectedIssuer,
    keys::KeyStore,
    lookup::Trouble,
    shared::SharedStore,
    telemetry::Metrics,
};

use super::{
    IntrospectionError, Introspector,
    endpoint::Endpoint,
    introspector::LookupRequest,
    lookup_worker::LookupWorker,
    memory::Memory,
    shared_answers::{SharedAnswers, scope},
};

/// The introspectors, in the order of the issuers; `None` for an issuer that is not asked.
#[derive(Debug)]
pub struct IntrospectionStore {
    introspectors: Vec<Option<Arc<Introspector>>>,
    health: Vec<Arc<Health>>,
    workers: Mutex<Vec<(LookupWorker, mpsc::Receiver<LookupRequest>)>>,
}

/// How one endpoint does: counted, logged, and told on `/readyz`.
#[derive(Debug)]
pub(super) struct Health {
    issuer: String,
    outcomes: IntCounterVec,
    seconds: Histogram,
    up: IntGauge,
    trouble: Trouble,
}

/// Outcomes besides [`IntrospectionError::CODES`].
const ACTIVE: &str = "active";
const INACTIVE: &str = "inactive";
/// An old answer stood in for a new one.
const STALE: &str = "stale";

impl IntrospectionStore {
    /// Prepares the introspectors. Nobody is asked before [`Self::start`]. What an issuer has said
    /// under the configuration `before` still counts where the same is asked in the same way: a
    /// token that it has called inactive does not pass again for a reload.
    pub fn new(
        issuers: &[Option<IntrospectedIssuer<'_>>],
        keys: &KeyStore,
        shared: &SharedStore,
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let mut store =
            Self { introspectors: Vec::new(), health: Vec::new(), workers: Mutex::default() };
        for (issuer, keys) in issuers.iter().zip(keys.iter()) {
            let introspector = issuer.as_ref().map(|issuer| {
                let settings = issuer.settings;
                let memory = Memory::new(scope(issuer.issuer, settings), settings);
                let known = before.and_then(|before| before.memory_like(&memory));
                let memory = known.unwrap_or_else(|| Arc::new(memory));
                let (introspector, asks) = Introspector::new(settings, Arc::clone(&memory), shared);
                let health = Arc::new(Health::new(issuer.name, metrics));
                let (keys, clock) = (Arc::clone(keys), Arc::clone(clock));
                let endpoint = Endpoint::new(issuer, keys, Arc::clone(&clock));
                let shared = SharedAnswers::new(shared.clone(), issuer.issuer, settings);
                let worker = LookupWorker::new(
                    endpoint,
                    memory,
                    shared,
                    Arc::clone(&health),
                    clock,
                    settings,
                );
                store.health.push(health);
                store.workers().push((worker, asks));
                Arc::new(introspector)
            });
            store.introspectors.push(introspector);
        }
        store
    }

    fn memory_like(&self, wanted: &Memory) -> Option<Arc<Memory>> {
        let introspectors = self.introspectors.iter().flatten();
        let mut memories = introspectors.map(|introspector| introspector.memory());
        memories.find(|memory| memory.is_like(wanted)).map(Arc::clone)
    }

    /// Spawns one worker per introspector on the current (control) runtime; they end when their
    /// handles are aborted. A second call spawns nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self) -> Vec<JoinHandle<()>> {
        self.workers().drain(..).map(|(worker, asks)| tokio::spawn(worker.run(asks))).collect()
    }

    /// The introspectors, by issuer.
    pub fn iter(&self) -> impl Iterator<Item = &Option<Arc<Introspector>>> {
        self.introspectors.iter()
    }

    /// What is wrong at the moment, a line each: it concerns single tokens, so it does not make
    /// the proxy unready.
    pub fn troubles(&self, now: UnixTime) -> Vec<String> {
        self.health.iter().filter_map(|health| health.trouble(now)).collect()
    }

    fn workers(&self) -> MutexGuard<'_, Vec<(LookupWorker, mpsc::Receiver<LookupRequest>)>> {
        self.workers.lock()
    }
}

impl Health {
    fn new(issuer: &str, metrics: &Metrics) -> Self {
        let outcomes = [ACTIVE, INACTIVE, STALE];
        for outcome in outcomes.iter().chain(IntrospectionError::CODES).chain(FetchError::CODES) {
            metrics.introspections.with_label_values(&[issuer, *outcome]);
        }
        let up = metrics.introspection_up.with_label_values(&[issuer]);
        up.set(1);
        Self {
            issuer: issuer.to_owned(),
            outcomes: metrics.introspections.clone(),
            seconds: metrics.introspection_seconds.with_label_values(&[issuer]),
            up,
            trouble: Trouble::default(),
        }
    }

    pub(super) fn observe(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn answered(&self, active: bool) {
        self.count(if active { ACTIVE } else { INACTIVE });
        self.up.set(1);
        if let Some(unlogged) = self.trouble.recovered() {
            tracing::info!(issuer = self.issuer, unlogged, "introspection works");
        }
    }

    pub(super) fn failed(&self, error: &IntrospectionError, stale: bool, now: UnixTime) {
        self.count(error.code());
        if stale {
            self.count(STALE);
        }
        if error.is_consequence() && self.trouble.is_there() {
            return;
        }
        self.up.set(0);
        if let Some(more) = self.trouble.failed(error, now) {
            tracing::warn!(issuer = self.issuer, %error, more, stale, "introspection fails");
        }
    }

    fn trouble(&self, now: UnixTime) -> Option<String> {
        Some(format!("introspection of issuer {}: {}", self.issuer, self.trouble.note(now)?))
    }

    fn count(&self, outcome: &str) {
        self.outcomes.with_label_values(&[&self.issuer, outcome]).inc();
    }
}
