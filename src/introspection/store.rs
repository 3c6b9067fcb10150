//! The introspectors of one configuration, and how their endpoints do.

use std::sync::Arc;

use crate::{
    clock::{Clock, UnixTime},
    introspection::settings::IntrospectedIssuer,
    keys::LiveKeySet,
    lookup::LookupWorker,
    policy::ids::{IssuerId, PerIssuer},
    readiness::Dependency,
    shared::SharedStore,
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
pub struct IntrospectionStore {
    introspectors: PerIssuer<Option<Arc<Introspector>>>,
    health: Vec<Arc<IntrospectionHealth>>,
}

impl IntrospectionStore {
    /// The introspectors and their workers: nothing is sent before those run. Responses cached
    /// under the configuration `before` are kept for endpoints that are used in the same way: a
    /// reload must not let an inactive token pass again.
    pub fn new(
        issuers: &PerIssuer<Option<IntrospectedIssuer<'_>>>,
        keys: &PerIssuer<Arc<LiveKeySet>>,
        shared: &SharedStore,
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> (Self, Vec<impl Future<Output = ()> + Send + use<>>) {
        let metrics = Metrics::register(metrics);
        let (mut all_health, mut workers) = (Vec::new(), Vec::new());
        let introspectors = issuers.map_with_ids(|id, issuer| {
            issuer.as_ref().map(|issuer| {
                let settings = issuer.settings;
                let memory = Memory::new(scope(issuer.issuer, settings), settings);
                let known = before.and_then(|before| before.memory_like(&memory));
                let memory = known.unwrap_or_else(|| Arc::new(memory));
                let health = Arc::new(IntrospectionHealth::new(issuer.name, &metrics));
                let (introspector, queue) =
                    Introspector::new(settings, Arc::clone(&memory), shared);
                let lookup = TokenLookup {
                    endpoint: Endpoint::new(issuer, Arc::clone(keys.get(id)), Arc::clone(clock)),
                    memory,
                    shared: SharedAnswers::new(shared.clone(), issuer.issuer, settings),
                    health: Arc::clone(&health),
                    clock: Arc::clone(clock),
                };
                workers.push(LookupWorker::new(lookup, queue).run());
                all_health.push(health);
                Arc::new(introspector)
            })
        });
        (Self { introspectors, health: all_health }, workers)
    }

    fn memory_like(&self, wanted: &Memory) -> Option<Arc<Memory>> {
        let introspectors = self.introspectors.iter().flatten();
        let mut memories = introspectors.map(|introspector| introspector.memory());
        memories.find(|memory| memory.is_like(wanted)).map(Arc::clone)
    }

    /// That issuer's introspector; `None`: introspection is off.
    pub fn of(&self, issuer: IssuerId) -> Option<&Arc<Introspector>> {
        self.introspectors.get(issuer).as_ref()
    }

    /// How each endpoint does: what is wrong concerns single tokens, so it does not make the proxy
    /// unready.
    pub fn dependencies(&self, now: UnixTime) -> impl Iterator<Item = Dependency> {
        self.health.iter().map(move |health| health.dependency(now))
    }
}
