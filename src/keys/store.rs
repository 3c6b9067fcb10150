//! The lock-free store: one hot-swapped key set per issuer.

use std::sync::Arc;

use crate::{
    clock::Clock,
    keys::settings::{IssuerKeySource, KeyOwner},
    readiness::SourceReadiness,
    refresh::keep_fresh,
    tasks::Tasks,
    telemetry::MetricRegistry,
};

use super::{LiveKeySet, refresher::KeyRefreshPlan, source::OpenKeySource};

/// Key sets, and what keeps them fresh.
#[derive(Debug, Default)]
pub struct KeyStore {
    sets: Vec<Arc<LiveKeySet>>,
    readiness: SourceReadiness,
}

impl KeyStore {
    /// Adds an empty set for an owner, and the refresher that fills it: one per owner, which makes
    /// its fetches a single flight. Nothing is fetched before it is spawned.
    pub fn add(
        &mut self,
        owner: KeyOwner,
        refreshers: &mut Tasks,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Arc<LiveKeySet> {
        let guard = self.readiness.source(&format!("issuer {}", owner.name));
        let keys = Arc::new(LiveKeySet::new(&owner, guard, Arc::clone(clock), metrics));
        let (filled, clock) = (Arc::clone(&keys), Arc::clone(clock));
        refreshers.add(keep_fresh(KeyRefreshPlan::new(filled, owner, clock, OpenKeySource::new)));
        self.sets.push(Arc::clone(&keys));
        keys
    }

    /// Adds a set for an issuer. It stays empty if the issuer has no keys.
    pub fn add_issuer(
        &mut self,
        source: IssuerKeySource,
        refreshers: &mut Tasks,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Arc<LiveKeySet> {
        let owner = match source {
            IssuerKeySource::Set(owner) => return self.add(*owner, refreshers, clock, metrics),
            IssuerKeySource::None(owner) => owner,
        };
        let guard = self.readiness.source(&format!("issuer {}", owner.name));
        let keys = LiveKeySet::without_source(&owner, guard, Arc::clone(clock), metrics);
        let keys = Arc::new(keys);
        self.sets.push(Arc::clone(&keys));
        keys
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
