//! What a configuration knows of its identity providers: their keys, introspected tokens, and what
//! was revoked, also as shared by other replicas.

mod parts;
mod provider_tasks;
mod readiness;
mod shown;
mod takeover;

use std::sync::Arc;

use crate::{
    clock::Clock,
    introspection::IntrospectionStore,
    keys::{KeyStore, LiveKeySet},
    limits::LimitTables,
    policy::ids::{IssuerId, PerIssuer, PerSignature, SignatureId},
    registry::Registry,
    replay::ReplayStores,
    revocation::Revocations,
    shared::{SharedError, SharedStore},
    tasks::Tasks,
    telemetry::MetricRegistry,
    upstream_credential::UpstreamCredentials,
};

pub use parts::{ProviderParts, SignerKeySource};
pub use provider_tasks::ProviderTasks;
pub use readiness::{ReadinessRules, RouteNeeds, SignerReadiness};
pub use takeover::NotUsable;

/// Everything that is kept up to date beside the requests of one configuration.
#[derive(Debug)]
pub struct Providers {
    /// The key sets of issuers.
    pub keys: KeyStore,
    issuer_keys: PerIssuer<Arc<LiveKeySet>>,
    /// The introspectors.
    pub introspection: IntrospectionStore,
    /// What upstreams receive in place of callers' tokens.
    pub upstream_credentials: UpstreamCredentials,
    /// What is revoked.
    pub revocations: Arc<Revocations>,
    /// The ids of messages that may come once only. Kept across reloads.
    pub replays: ReplayStores,
    /// The buckets of limits. Kept across reloads.
    pub limits: LimitTables,
    signer_keys: PerSignature<LiveSignerKeys>,
    /// The key sets that are signatures' own.
    signer_store: KeyStore,
    shared: SharedStore,
    readiness: ReadinessRules,
}

/// Where the keys of a signature's signers are found.
#[derive(Debug, Clone)]
pub enum LiveSignerKeys {
    /// A key set: the keys of all signers, or of the only one.
    Set(Arc<LiveKeySet>),
    /// A registry, which looks up each signer.
    Registry(Arc<Registry>),
}

impl Providers {
    /// Prepares everything, and the tasks that keep it up to date. No source is read and no request
    /// is sent before those are spawned. Metrics show it.
    ///
    /// # Errors
    /// See [`SharedError`].
    pub fn new(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<(Self, ProviderTasks), SharedError> {
        let (providers, tasks) = Self::with(parts, clock, metrics, None, |shared| {
            Revocations::new(parts.revocation, shared, Arc::clone(clock), metrics)
        })?;
        providers.show(None);
        Ok((providers, tasks))
    }

    /// The providers of the process's next configuration, which keeps the logouts. Metrics show
    /// their state once they are in force ([`Self::show`]).
    ///
    /// # Errors
    /// See [`SharedError`].
    pub fn successor(
        &self,
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Result<(Self, ProviderTasks), SharedError> {
        Self::with(parts, clock, metrics, Some(self), |shared| {
            self.revocations.successor(parts.revocation, shared)
        })
    }

    fn with(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
        earlier: Option<&Self>,
        revocations: impl FnOnce(SharedStore) -> (Arc<Revocations>, Tasks),
    ) -> Result<(Self, ProviderTasks), SharedError> {
        let before = earlier.map(|earlier| &earlier.shared);
        let (shared, supervisor) = match parts.shared {
            Some(settings) => SharedStore::beside(before, settings, clock, metrics)?,
            None => (SharedStore::default(), None),
        };
        let (mut keys, mut key_refreshers) = (KeyStore::default(), Tasks::default());
        let before = earlier.map(|earlier| &earlier.keys);
        let issuer_keys = parts.issuer_keys.map(|source| {
            keys.add_issuer(source.clone(), before, &mut key_refreshers, clock, metrics)
        });
        let before = earlier.map(|earlier| &earlier.introspection);
        let (introspection, workers) = IntrospectionStore::new(
            &parts.introspected,
            &issuer_keys,
            &shared,
            before,
            clock,
            metrics,
        );
        let before = earlier.map(|earlier| &earlier.upstream_credentials);
        let (upstream_credentials, credential_tasks) =
            UpstreamCredentials::new(parts.upstream_credentials, before, clock, metrics);
        let (revocations, revocation) = revocations(shared.clone());
        let (mut signer_store, mut signer_refreshers) = (KeyStore::default(), Tasks::default());
        let mut registry_workers = Tasks::default();
        let signer_keys = parts.signers.map(|signer| match signer {
            SignerKeySource::Issuer(issuer) => {
                LiveSignerKeys::Set(Arc::clone(issuer_keys.get(*issuer)))
            }
            SignerKeySource::Set(owner) => {
                let owner = (**owner).clone();
                let before = earlier.map(|earlier| &earlier.signer_store);
                let refreshers = &mut signer_refreshers;
                LiveSignerKeys::Set(signer_store.add(owner, before, refreshers, clock, metrics))
            }
            SignerKeySource::Registry(name, settings) => {
                let (registry, worker) = Registry::new(name, settings, Arc::clone(clock), metrics);
                registry_workers.add(worker);
                if let Some(like) = earlier.and_then(|earlier| earlier.registry_like(&registry)) {
                    registry.learn_from(like);
                }
                LiveSignerKeys::Registry(registry)
            }
        });
        let tasks = ProviderTasks {
            keys: key_refreshers,
            signer_keys: signer_refreshers,
            registries: registry_workers,
            introspection: workers,
            upstream_credentials: credential_tasks,
            revocation,
            supervisor,
        };
        let replays = earlier.map(|earlier| earlier.replays.clone()).unwrap_or_default();
        let limits = earlier.map(|earlier| earlier.limits.clone()).unwrap_or_default();
        let providers = Self {
            keys,
            issuer_keys,
            introspection,
            upstream_credentials,
            revocations,
            replays,
            limits,
            signer_keys,
            signer_store,
            shared,
            readiness: parts.readiness.clone(),
        };
        Ok((providers, tasks))
    }

    /// Every key set, of issuers and of signers.
    pub fn key_sets(&self) -> impl Iterator<Item = &Arc<LiveKeySet>> {
        self.keys.iter().chain(self.signer_store.iter())
    }

    /// The key set of an issuer.
    pub fn issuer_keys(&self, issuer: IssuerId) -> &Arc<LiveKeySet> {
        self.issuer_keys.get(issuer)
    }

    /// Where the keys of a signature's signers are found.
    pub fn signer_keys(&self, signature: SignatureId) -> &LiveSignerKeys {
        self.signer_keys.get(signature)
    }

    fn registries(&self) -> impl Iterator<Item = &Arc<Registry>> {
        self.signer_keys.iter().filter_map(|keys| match keys {
            LiveSignerKeys::Registry(registry) => Some(registry),
            LiveSignerKeys::Set(_) => None,
        })
    }

    fn registry_like(&self, wanted: &Registry) -> Option<&Registry> {
        self.registries().find(|registry| registry.is_like(wanted)).map(|registry| &**registry)
    }

    /// What replicas share.
    pub fn shared(&self) -> &SharedStore {
        &self.shared
    }

    /// Resolves once every source that decisions depend on was read for the first time, well or
    /// not. One that is not required is not waited for.
    pub async fn first_read(&self) {
        for keys in self.awaited_key_sets() {
            keys.first_read().await;
        }
        self.revocations.readiness().first_read().ready().await;
    }

    /// The names of those that [`Self::first_read`] still waits for.
    pub fn pending_reads(&self) -> Vec<String> {
        let unread = self.awaited_key_sets().filter(|keys| !keys.was_read());
        let unread = unread.map(|keys| format!("issuer {}", keys.name()));
        unread.chain(self.revocations.readiness().first_read().pending()).collect()
    }
}

#[cfg(test)]
mod tests;
