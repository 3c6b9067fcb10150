//! The introspectors of one configuration, and how their endpoints do.

use std::sync::Arc;

use crate::{
    clock::{Clock, UnixTime},
    introspection::settings::IntrospectedIssuer,
    keys::KeyStore,
    lookup::LookupWorker,
    shared::SharedStore,
    telemetry::Metrics,
};

use super::{
    Introspector,
    endpoint::Endpoint,
    health::Health,
    memory::Memory,
    shared_answers::{SharedAnswers, scope},
    token_lookup::TokenLookup,
};

/// The introspectors, in the order of the issuers; `None` for an issuer that is not asked.
#[derive(Debug, Default)]
pub struct IntrospectionStore {
    introspectors: Vec<Option<Arc<Introspector>>>,
    health: Vec<Arc<Health>>,
}

impl IntrospectionStore {
    /// The introspectors, and their workers: nothing is sent before those run. What an issuer has
    /// said under the configuration `before` still counts where the same is asked in the same way:
    /// a token that it has called inactive does not pass again for a reload.
    pub fn new(
        issuers: &[Option<IntrospectedIssuer<'_>>],
        keys: &KeyStore,
        shared: &SharedStore,
        before: Option<&Self>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> (Self, Vec<impl Future<Output = ()> + Send + use<>>) {
        let (mut store, mut workers) = (Self::default(), Vec::new());
        for (issuer, keys) in issuers.iter().zip(keys.iter()) {
            let introspector = issuer.as_ref().map(|issuer| {
                let settings = issuer.settings;
                let memory = Memory::new(scope(issuer.issuer, settings), settings);
                let known = before.and_then(|before| before.memory_like(&memory));
                let memory = known.unwrap_or_else(|| Arc::new(memory));
                let health = Arc::new(Health::new(issuer.name, metrics));
                let (introspector, queue) =
                    Introspector::new(settings, Arc::clone(&memory), shared);
                let lookup = TokenLookup {
                    endpoint: Endpoint::new(issuer, Arc::clone(keys), Arc::clone(clock)),
                    memory,
                    shared: SharedAnswers::new(shared.clone(), issuer.issuer, settings),
                    health: Arc::clone(&health),
                    clock: Arc::clone(clock),
                };
                workers.push(LookupWorker::new(lookup, queue).run());
                store.health.push(health);
                Arc::new(introspector)
            });
            store.introspectors.push(introspector);
        }
        (store, workers)
    }

    fn memory_like(&self, wanted: &Memory) -> Option<Arc<Memory>> {
        let introspectors = self.introspectors.iter().flatten();
        let mut memories = introspectors.map(|introspector| introspector.memory());
        memories.find(|memory| memory.is_like(wanted)).map(Arc::clone)
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
}
