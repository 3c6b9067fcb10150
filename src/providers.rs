//! What a configuration knows of its identity providers, and looks up at them: their keys, single
//! tokens, and what was revoked; and what other replicas know of it.

mod parts;
mod provider_tasks;

use std::sync::Arc;

use crate::{
    clock::{Clock, UnixTime},
    introspection::IntrospectionStore,
    keys::{KeyStore, LiveKeySet},
    readiness::SourceReadiness,
    registry::Registry,
    replay::ReplayStores,
    revocation::Revocations,
    shared::{SharedError, SharedStore},
    tasks::Tasks,
    telemetry::Metrics,
};

pub use parts::{ProviderParts, SignerKeySource};
pub use provider_tasks::ProviderTasks;

/// Everything that is kept up to date beside the requests of one configuration.
#[derive(Debug)]
pub struct Providers {
    /// The key sets.
    pub keys: KeyStore,
    /// The introspectors.
    pub introspection: IntrospectionStore,
    /// What is revoked.
    pub revocations: Arc<Revocations>,
    /// The ids of messages that may come once only. Kept across reloads.
    pub replays: ReplayStores,
    /// In the order of the signatures; `None` for those without a key set of their own.
    signer_keys: Vec<Option<Arc<LiveKeySet>>>,
    signer_store: KeyStore,
    /// The same of those whose signers are looked up.
    registries: Vec<Option<Arc<Registry>>>,
    shared: SharedStore,
}

impl Providers {
    /// Prepares everything, and the tasks that keep it up to date. No source is read and no request
    /// is sent before those are spawned.
    ///
    /// # Errors
    /// See [`SharedError`].
    pub fn new(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<(Self, ProviderTasks), SharedError> {
        Self::with(parts, clock, metrics, None, |shared| {
            Revocations::new(parts.revocation, shared, Arc::clone(clock), metrics)
        })
    }

    /// The same of another configuration of the process, which knows who has logged out.
    ///
    /// # Errors
    /// See [`SharedError`].
    pub fn successor(
        &self,
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<(Self, ProviderTasks), SharedError> {
        Self::with(parts, clock, metrics, Some(self), |shared| {
            self.revocations.successor(parts.revocation, shared)
        })
    }

    fn with(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
        earlier: Option<&Self>,
        revocations: impl FnOnce(SharedStore) -> (Arc<Revocations>, Tasks),
    ) -> Result<(Self, ProviderTasks), SharedError> {
        let (shared, supervisor) = match parts.shared {
            Some(settings) => {
                let (store, supervisor) = SharedStore::new(settings, Arc::clone(clock), metrics)?;
                (store, Some(supervisor))
            }
            None => (SharedStore::default(), None),
        };
        let (keys, key_refreshers) = KeyStore::new(&parts.issuer_keys, Arc::clone(clock), metrics);
        let before = earlier.map(|earlier| &earlier.introspection);
        let (introspection, workers) =
            IntrospectionStore::new(&parts.introspected, &keys, &shared, before, clock, metrics);
        let (revocations, revocation) = revocations(shared.clone());
        let owners: Vec<_> = parts.signers.iter().map(SignerKeySource::key_owner).collect();
        let (signer_store, signer_refreshers) =
            KeyStore::new(owners.iter().copied().flatten(), Arc::clone(clock), metrics);
        let signer_keys = {
            let mut sets = signer_store.iter().cloned();
            owners.iter().map(|owner| owner.and_then(|_| sets.next())).collect()
        };
        let mut registry_workers = Tasks::default();
        let registries = parts.signers.iter().map(|signer| {
            let SignerKeySource::Registry(name, settings) = signer else {
                return None;
            };
            let (registry, worker) = Registry::new(name, settings, Arc::clone(clock), metrics);
            registry_workers.add(worker);
            if let Some(earlier) = earlier.and_then(|earlier| earlier.registry_like(&registry)) {
                registry.learn_from(earlier);
            }
            Some(registry)
        });
        let registries = registries.collect();
        let tasks = ProviderTasks {
            keys: key_refreshers,
            signer_keys: signer_refreshers,
            registries: registry_workers,
            introspection: workers.into_iter().collect(),
            revocation,
            supervisor,
        };
        let replays = earlier.map(|earlier| earlier.replays.clone()).unwrap_or_default();
        let providers = Self {
            keys,
            introspection,
            revocations,
            replays,
            signer_keys,
            signer_store,
            registries,
            shared,
        };
        Ok((providers, tasks))
    }

    /// Every key set, of issuers and of signers.
    pub fn key_sets(&self) -> impl Iterator<Item = &Arc<LiveKeySet>> {
        self.keys.iter().chain(self.signer_store.iter())
    }

    /// The key set of a signature's rules, by their index, if it has one of its own.
    pub fn signer_keys(&self, index: usize) -> Option<Arc<LiveKeySet>> {
        self.signer_keys.get(index).cloned().flatten()
    }

    /// The registry of a signature's rules, by their index, if they have one.
    pub fn registry(&self, index: usize) -> Option<&Arc<Registry>> {
        self.registries.get(index).and_then(Option::as_ref)
    }

    fn registry_like(&self, wanted: &Registry) -> Option<&Registry> {
        let mut registries = self.registries.iter().flatten();
        registries.find(|registry| registry.is_like(wanted)).map(|registry| &**registry)
    }

    /// What replicas share.
    pub fn shared(&self) -> &SharedStore {
        &self.shared
    }

    /// What is wrong at the moment, a line each, though tokens can be decided about: it does not
    /// make the proxy unready.
    pub fn troubles(&self, now: UnixTime) -> Vec<String> {
        let mut troubles = self.introspection.troubles(now);
        troubles.extend(self.registries.iter().flatten().filter_map(|it| it.trouble()));
        troubles.extend(self.shared.trouble());
        troubles
    }

    /// Resolves once every source that decisions depend on was read for the first time, well or
    /// not.
    pub async fn tried(&self) {
        for sources in self.sources() {
            sources.tried().ready().await;
        }
    }

    /// The names of those that [`Self::tried`] waits for.
    pub fn untried(&self) -> Vec<String> {
        self.sources().iter().flat_map(|sources| sources.tried().pending()).collect()
    }

    /// Resolves once each of them has been usable for the first time.
    pub async fn usable(&self) {
        for sources in self.sources() {
            sources.usable().ready().await;
        }
    }

    fn sources(&self) -> [&SourceReadiness; 3] {
        [self.keys.readiness(), self.signer_store.readiness(), self.revocations.readiness()]
    }

    /// What is missing before anything can be decided, by name; empty if nothing is.
    pub fn pending(&self, now: UnixTime) -> Vec<String> {
        let keys = self.key_sets().filter_map(|issuer| issuer.pending(now));
        keys.chain(self.revocations.pending(now)).collect()
    }
}
