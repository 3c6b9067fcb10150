//! The lock-free store: one hot-swapped key set per issuer.

use std::sync::Arc;

use crate::{
    clock::Clock,
    keys::settings::{IssuerKeySource, KeyOwner},
    refresh::{FileVersions, keep_fresh},
    tasks::{KeptTask, Tasks},
    telemetry::MetricRegistry,
};

use super::{LiveKeySet, refresher::KeyRefreshPlan, source::OpenKeySource};

/// Key sets, and what keeps them fresh.
#[derive(Debug, Default)]
pub struct KeyStore {
    sets: Vec<StoredKeySet>,
}

#[derive(Debug)]
struct StoredKeySet {
    keys: Arc<LiveKeySet>,
    /// `None`: it stays empty.
    refreshed: Option<RefreshedKeySet>,
}

/// Where a set comes from, and what reads it.
#[derive(Debug, Clone)]
struct RefreshedKeySet {
    owner: KeyOwner,
    trust_files: FileVersions,
    refresher: KeptTask,
}

impl KeyStore {
    /// Adds a set for an owner, and the refresher that fills it: one per owner, which makes its
    /// fetches a single flight. Nothing is fetched before it is spawned.
    ///
    /// Where `earlier` has the set of the same owner, that goes on with its refresher: nothing is
    /// fetched. With the same source, but read in another way, the new set begins with its keys. A
    /// file is read again in any case: it may have changed just now.
    pub fn add(
        &mut self,
        owner: KeyOwner,
        earlier: Option<&Self>,
        refreshers: &mut Tasks,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Arc<LiveKeySet> {
        let trust_files = FileVersions::now(owner.trust_files());
        let known = earlier.and_then(|earlier| earlier.with_source_of(&owner, &trust_files));
        if let Some((keys, refreshed)) = known
            && refreshed.owner == owner
            && !owner.keys.source.is_file()
            && refreshers.take_over(&refreshed.refresher)
        {
            return self.insert(Arc::clone(keys), Some(refreshed.clone()));
        }
        let keys = Arc::new(LiveKeySet::new(&owner, Arc::clone(clock), metrics));
        match known {
            Some((known, _)) => keys.begin_with(known, !owner.keys.source.is_file()),
            None => keys.replaces(earlier.and_then(|earlier| earlier.named(&owner.name))),
        }
        let (filled, clock) = (Arc::clone(&keys), Arc::clone(clock));
        let plan = KeyRefreshPlan::new(filled, owner.clone(), clock, OpenKeySource::new);
        let refresher = refreshers.add_kept(keep_fresh(plan));
        self.insert(keys, Some(RefreshedKeySet { owner, trust_files, refresher }))
    }

    /// Adds a set for an issuer. It stays empty if the issuer has no keys.
    pub fn add_issuer(
        &mut self,
        source: IssuerKeySource,
        earlier: Option<&Self>,
        refreshers: &mut Tasks,
        clock: &Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Arc<LiveKeySet> {
        match source {
            IssuerKeySource::Set(owner) => self.add(*owner, earlier, refreshers, clock, metrics),
            IssuerKeySource::None(owner) => {
                let keys = LiveKeySet::without_source(&owner, Arc::clone(clock), metrics);
                self.insert(Arc::new(keys), None)
            }
        }
    }

    fn insert(
        &mut self,
        keys: Arc<LiveKeySet>,
        refreshed: Option<RefreshedKeySet>,
    ) -> Arc<LiveKeySet> {
        self.sets.push(StoredKeySet { keys: Arc::clone(&keys), refreshed });
        keys
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LiveKeySet>> {
        self.sets.iter().map(|stored| &stored.keys)
    }

    /// Shows all of them in metrics from now on: their configuration is in force.
    pub(crate) fn show(&self) {
        self.iter().for_each(|keys| keys.show());
    }

    /// Ends that.
    pub(crate) fn hide(&self) {
        self.iter().for_each(|keys| keys.hide());
    }

    /// The set of that owner, or else one of the same source. A file of the authorities that was
    /// replaced makes it another source.
    fn with_source_of(
        &self,
        owner: &KeyOwner,
        trust_files: &FileVersions,
    ) -> Option<(&Arc<LiveKeySet>, &RefreshedKeySet)> {
        let sets = self.sets.iter();
        let sets = sets.filter_map(|stored| Some((&stored.keys, stored.refreshed.as_ref()?)));
        let of_source = sets.filter(|(_, refreshed)| {
            refreshed.trust_files == *trust_files && refreshed.owner.has_same_source(owner)
        });
        of_source.max_by_key(|(_, refreshed)| refreshed.owner == *owner)
    }

    fn named(&self, name: &str) -> Option<&LiveKeySet> {
        self.iter().find(|keys| keys.name() == name).map(|keys| &**keys)
    }
}
