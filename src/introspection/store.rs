//! The introspectors of one configuration, and how their endpoints do.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{Clock, UnixTime},
    introspection::settings::IntrospectedIssuer,
    jose::AlgorithmSet,
    keys::LiveKeySet,
    lookup::LookupWorker,
    policy::ids::{IssuerId, PerIssuer},
    readiness::Dependency,
    refresh::FileVersions,
    shared::SharedStore,
    tasks::{KeptTask, Tasks},
    telemetry::MetricRegistry,
};

use super::{
    Introspector, Metrics,
    endpoint::Endpoint,
    health::IntrospectionHealth,
    memory::Memory,
    shared_answers::{SharedAnswers, scope},
    token_lookup::TokenLookup,
};

/// The introspectors; `None` for an issuer without introspection.
#[derive(Debug)]
pub struct IntrospectionStore(PerIssuer<Option<StoredIntrospector>>);

/// An introspector with its worker, and all that they were made from: where that is the same, the
/// next configuration takes them over.
#[derive(Debug, Clone)]
struct StoredIntrospector {
    introspector: Arc<Introspector>,
    health: Arc<IntrospectionHealth>,
    worker: KeptTask,
    name: String,
    issuer: String,
    algorithms: AlgorithmSet,
    clock_skew: Duration,
    keys: Arc<LiveKeySet>,
    shared: SharedStore,
    files: FileVersions,
}

impl IntrospectionStore {
    /// The introspectors, and their workers among the tasks: nothing is sent before those run.
    ///
    /// One that is unchanged since the configuration `before` goes on, with its worker. Else the
    /// responses are kept that were cached then of an endpoint that is used in the same way: a
    /// reload must not let an inactive token pass again.
    pub fn new(
        issuers: &PerIssuer<Option<IntrospectedIssuer<'_>>>,
        keys: &PerIssuer<Arc<LiveKeySet>>,
        shared: &SharedStore,
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> (Self, Tasks) {
        let metrics = Metrics::register(metrics);
        let mut workers = Tasks::default();
        let introspectors = issuers.map_with_ids(|id, issuer| {
            let issuer = issuer.as_ref()?;
            let keys = keys.get(id);
            let before = before.into_iter().flat_map(Self::iter);
            let running = before.clone().find(|stored| stored.is_of(issuer, keys, shared));
            if let Some(running) = running.filter(|running| workers.take_over(&running.worker)) {
                return Some(running.clone());
            }
            let memory = Memory::new(scope(issuer.issuer, issuer.settings), issuer.settings);
            let mut memories = before.map(|stored| stored.introspector.memory());
            let known = memories.find(|known| known.is_like(&memory)).cloned();
            let memory = known.unwrap_or_else(|| Arc::new(memory));
            let health = Arc::new(IntrospectionHealth::new(issuer.name, &metrics));
            let (introspector, queue) =
                Introspector::new(issuer.settings, Arc::clone(&memory), shared);
            let lookup = TokenLookup {
                endpoint: Endpoint::new(issuer, Arc::clone(keys), Arc::clone(clock)),
                memory,
                shared: SharedAnswers::new(shared.clone(), issuer.issuer, issuer.settings),
                health: Arc::clone(&health),
                clock: Arc::clone(clock),
            };
            Some(StoredIntrospector {
                introspector: Arc::new(introspector),
                health,
                worker: workers.add_kept(LookupWorker::new(lookup, queue).run()),
                name: issuer.name.to_owned(),
                issuer: issuer.issuer.to_owned(),
                algorithms: issuer.algorithms,
                clock_skew: issuer.clock_skew,
                keys: Arc::clone(keys),
                shared: shared.clone(),
                files: FileVersions::now(issuer.settings.client.files()),
            })
        });
        (Self(introspectors), workers)
    }

    fn iter(&self) -> impl Iterator<Item = &StoredIntrospector> + Clone {
        self.0.iter().flatten()
    }

    /// That issuer's introspector; `None`: introspection is off.
    pub fn of(&self, issuer: IssuerId) -> Option<&Arc<Introspector>> {
        self.0.get(issuer).as_ref().map(|stored| &stored.introspector)
    }

    /// Shows in metrics how each endpoint does, from now on: their configuration is in force.
    pub(crate) fn show(&self) {
        self.iter().for_each(|stored| stored.health.show());
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.iter().for_each(|stored| stored.health.hide());
    }

    /// How each endpoint does: what is wrong concerns single tokens, so it does not make the proxy
    /// unready.
    pub fn dependencies(&self, now: UnixTime) -> impl Iterator<Item = Dependency> {
        self.iter().map(move |stored| stored.health.dependency(now))
    }
}

impl StoredIntrospector {
    /// Whether one that is made from these would do the same.
    fn is_of(
        &self,
        issuer: &IntrospectedIssuer<'_>,
        keys: &Arc<LiveKeySet>,
        shared: &SharedStore,
    ) -> bool {
        let own = IntrospectedIssuer {
            name: &self.name,
            issuer: &self.issuer,
            algorithms: self.algorithms,
            clock_skew: self.clock_skew,
            settings: self.introspector.settings(),
        };
        own == *issuer
            && Arc::ptr_eq(&self.keys, keys)
            && self.shared.is_same(shared)
            && self.files == FileVersions::now(issuer.settings.client.files())
    }
}
