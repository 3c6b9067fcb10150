//! The lock-free store: one hot-swapped key set per issuer.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    clock::Clock,
    keys::settings::{IssuerKeySource, KeyOwner},
    readiness::SourceReadiness,
    telemetry::Metrics,
};

use super::{
    LiveKeySet,
    refresher::{self, Plan},
};

/// Key sets, and what keeps them fresh.
#[derive(Debug, Default)]
pub struct KeyStore {
    sets: Vec<Arc<LiveKeySet>>,
    plans: Mutex<Vec<Plan>>,
    readiness: SourceReadiness,
}

impl KeyStore {
    /// Builds the store with empty sets. Nothing is fetched before `start`.
    #[expect(clippy::needless_pass_by_value, reason = "every refresher keeps a handle of it")]
    pub fn new(
        owners: impl IntoIterator<Item: Into<KeyOwner>>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let mut store = Self::default();
        for owner in owners {
            store.add(owner.into(), &clock, metrics);
        }
        store
    }

    /// Adds an empty set for an owner.
    pub fn add(
        &mut self,
        owner: KeyOwner,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Arc<LiveKeySet> {
        let guard = self.readiness.source(&format!("issuer {}", owner.name));
        let keys = Arc::new(LiveKeySet::new(&owner, guard, Arc::clone(clock), metrics));
        self.plans.get_mut().push(Plan::new(Arc::clone(&keys), owner, Arc::clone(clock)));
        self.sets.push(Arc::clone(&keys));
        keys
    }

    /// Adds a set for an issuer. It stays empty if the issuer has no keys.
    pub fn add_issuer(
        &mut self,
        source: IssuerKeySource,
        clock: &Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Arc<LiveKeySet> {
        let owner = match source {
            IssuerKeySource::Set(owner) => return self.add(*owner, clock, metrics),
            IssuerKeySource::None(owner) => owner,
        };
        let guard = self.readiness.source(&format!("issuer {}", owner.name));
        let keys = LiveKeySet::without_source(&owner, guard, Arc::clone(clock), metrics);
        let keys = Arc::new(keys);
        self.sets.push(Arc::clone(&keys));
        keys
    }

    /// Spawns one refresher per issuer on the current (control) runtime; they end when their
    /// handles are aborted. A second call spawns nothing: one refresher per issuer is what makes
    /// a single flight of its fetches.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&self) -> Vec<JoinHandle<()>> {
        let mut plans = self.plans.lock();
        plans.drain(..).map(|plan| tokio::spawn(refresher::supervise(plan))).collect()
    }

    /// Which of the key sets were not read yet.
    pub fn readiness(&self) -> &SourceReadiness {
        &self.readiness
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LiveKeySet>> {
        self.sets.iter()
    }
}
