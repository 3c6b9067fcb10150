//! What a configuration knows of its identity providers, and asks them: their keys, what they
//! say of single tokens, and what was revoked; and what other replicas know of it.

mod parts;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    clock::{Clock, UnixTime},
    introspection::IntrospectionStore,
    keys::{KeyStore, LiveKeySet},
    policy::ids::{IssuerId, PerIssuer, PerSignature, SignatureId},
    readiness::SourceReadiness,
    registry::Registry,
    replay::ReplayStores,
    revocation::Revocations,
    shared::{SharedError, SharedStore, Supervisor},
    telemetry::Metrics,
};

pub use parts::{ProviderParts, SignerKeySource};

/// Everything that is kept up to date beside the requests of one configuration.
#[derive(Debug)]
pub struct Providers {
    /// The key sets of issuers.
    pub keys: KeyStore,
    issuer_keys: PerIssuer<Arc<LiveKeySet>>,
    /// The introspectors.
    pub introspection: IntrospectionStore,
    /// What is revoked.
    pub revocations: Arc<Revocations>,
    /// The ids of messages that may come once only. Kept across reloads.
    pub replays: ReplayStores,
    signer_keys: PerSignature<LiveSignerKeys>,
    /// The key sets that are signatures' own.
    signer_store: KeyStore,
    shared: SharedStore,
    supervisor: Mutex<Option<Supervisor>>,
}

/// Where the keys of a signature's signers are found.
#[derive(Debug, Clone)]
pub enum LiveSignerKeys {
    /// A key set: the keys of all signers, or of the only one.
    Set(Arc<LiveKeySet>),
    /// A registry, which is asked about each signer.
    Registry(Arc<Registry>),
}

impl Providers {
    /// Prepares everything. Nothing is fetched and nobody is asked before [`Self::start`].
    ///
    /// # Errors
    /// See [`SharedError`].
    pub fn new(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Self, SharedError> {
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
    ) -> Result<Self, SharedError> {
        Self::with(parts, clock, metrics, Some(self), |shared| {
            self.revocations.successor(parts.revocation, shared)
        })
    }

    fn with(
        parts: &ProviderParts<'_>,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
        earlier: Option<&Self>,
        revocations: impl FnOnce(SharedStore) -> Revocations,
    ) -> Result<Self, SharedError> {
        let (shared, supervisor) = match parts.shared {
            Some(settings) => {
                let (store, supervisor) = SharedStore::new(settings, Arc::clone(clock), metrics)?;
                (store, Some(supervisor))
            }
            None => (SharedStore::default(), None),
        };
        let mut keys = KeyStore::default();
        let issuer_keys =
            parts.issuer_keys.map(|source| keys.add_issuer(source.clone(), clock, metrics));
        let before = earlier.map(|earlier| &earlier.introspection);
        let introspection = IntrospectionStore::new(
            &parts.introspected,
            &issuer_keys,
            &shared,
            before,
            clock,
            metrics,
        );
        let revocations = Arc::new(revocations(shared.clone()));
        let supervisor = Mutex::new(supervisor);
        let mut signer_store = KeyStore::default();
        let signer_keys = parts.signers.map(|signer| match signer {
            SignerKeySource::Issuer(issuer) => {
                LiveSignerKeys::Set(Arc::clone(issuer_keys.get(*issuer)))
            }
            SignerKeySource::Set(owner) => {
                LiveSignerKeys::Set(signer_store.add((**owner).clone(), clock, metrics))
            }
            SignerKeySource::Registry(name, settings) => {
                let registry = Registry::new(name, settings, Arc::clone(clock), metrics);
                if let Some(like) = earlier.and_then(|earlier| earlier.registry_like(&registry)) {
                    registry.learn_from(like);
                }
                LiveSignerKeys::Registry(registry)
            }
        });
        let replays = earlier.map(|earlier| earlier.replays.clone()).unwrap_or_default();
        Ok(Self {
            keys,
            issuer_keys,
            introspection,
            revocations,
            replays,
            signer_keys,
            signer_store,
            shared,
            supervisor,
        })
    }

    /// Spawns what keeps it up to date on the current (control) runtime. Dropped, the result ends
    /// it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self) -> ProviderTasks {
        let mut tasks = self.keys.start();
        tasks.extend(self.signer_store.start());
        tasks.extend(self.registries().filter_map(|registry| registry.start()));
        tasks.extend(self.introspection.start());
        tasks.extend(self.revocations.start());
        let supervisor = self.supervisor.lock().take();
        if let Some(supervisor) = supervisor {
            // It ends by itself when the last request of this configuration has, and after what
            // other replicas must hear of has been written.
            tokio::spawn(supervisor.run());
        }
        tasks.into()
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

    /// What is wrong at the moment, a line each, though tokens can be decided about: it does not
    /// make the proxy unready.
    pub fn troubles(&self, now: UnixTime) -> Vec<String> {
        let mut troubles = self.introspection.troubles(now);
        troubles.extend(self.registries().filter_map(|it| it.trouble()));
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

/// The tasks of one configuration; dropped, they end.
#[derive(Debug)]
#[must_use = "dropped, the tasks end"]
pub struct ProviderTasks(Vec<JoinHandle<()>>);

impl From<Vec<JoinHandle<()>>> for ProviderTasks {
    fn from(tasks: Vec<JoinHandle<()>>) -> Self {
        Self(tasks)
    }
}

impl Drop for ProviderTasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
