//! The lock-free store: one hot-swapped key set per issuer.

use std::sync::Arc;

use crate::{
    clock::Clock, keys::settings::KeyOwner, readiness::SourceReadiness, refresh::keep_fresh,
    tasks::Tasks, telemetry::Metrics,
};

use super::{LiveKeySet, refresher::KeyRefreshPlan, source::Source};

/// The keys of every issuer, in the order of `Settings::issuers`.
#[derive(Debug)]
pub struct KeyStore {
    issuers: Vec<Arc<LiveKeySet>>,
    readiness: SourceReadiness,
}

impl KeyStore {
    /// Builds the store with empty sets, and the refreshers that fill them: one per issuer, which
    /// makes its fetches a single flight. Nothing is fetched before they are spawned.
    #[expect(clippy::needless_pass_by_value, reason = "every refresher keeps a handle of it")]
    pub fn new(
        owners: impl IntoIterator<Item: Into<KeyOwner>>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> (Self, Tasks) {
        let mut store = Self { issuers: Vec::new(), readiness: SourceReadiness::default() };
        let mut refreshers = Tasks::default();
        for owner in owners.into_iter().map(Into::<KeyOwner>::into) {
            let guard = store.readiness.source(&format!("issuer {}", owner.name));
            let keys = Arc::new(LiveKeySet::new(&owner, guard, Arc::clone(&clock), metrics));
            if keys.are_needed() {
                let clock = Arc::clone(&clock);
                refreshers.add(keep_fresh(KeyRefreshPlan::new(
                    Arc::clone(&keys),
                    owner,
                    clock,
                    Source::new,
                )));
            }
            store.issuers.push(keys);
        }
        (store, refreshers)
    }

    /// The keys of one issuer.
    pub fn issuer(&self, index: usize) -> Option<&Arc<LiveKeySet>> {
        self.issuers.get(index)
    }

    /// Which of the key sets were not read yet.
    pub fn readiness(&self) -> &SourceReadiness {
        &self.readiness
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LiveKeySet>> {
        self.issuers.iter()
    }
}
