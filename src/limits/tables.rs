//! The buckets of a process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::{
    Metrics,
    gcra::Gcra,
    key::{DigestKeys, KeyDigest, KeyRule, KeyedBy, LimitSubject},
    settings::CallerLimitSettings,
    table::BucketTable,
};

/// The buckets of a process, by the name of their limit. A reload, which may change the limit,
/// forgets none of a limit that stays.
#[derive(Debug, Clone, Default)]
pub struct LimitTables(Arc<Mutex<BTreeMap<String, Weak<LimitTable>>>>);

/// The buckets of one limit.
#[derive(Debug)]
pub(super) struct LimitTable {
    keys: DigestKeys,
    identities: BucketTable,
    /// Of those who have no identity. Apart, so that they can't take the room of those who have.
    addresses: BucketTable,
}

impl LimitTables {
    /// Those of a limit, which count by `rate` from now on: its configuration is in force, or about
    /// to be.
    pub(super) fn of_limit(
        &self,
        settings: &CallerLimitSettings,
        rate: Option<Gcra>,
        metrics: &Metrics,
    ) -> Arc<LimitTable> {
        let mut tables = self.0.lock();
        tables.retain(|_, table| table.strong_count() > 0);
        if let Some(table) = tables.get(&settings.name).and_then(Weak::upgrade) {
            table.adapt(settings.max_keys, rate);
            return table;
        }
        let new = || BucketTable::new(settings.max_keys, metrics.of_table(&settings.name));
        let keys = DigestKeys::default();
        let table = Arc::new(LimitTable { keys, identities: new(), addresses: new() });
        table.adapt(settings.max_keys, rate);
        tables.insert(settings.name.clone(), Arc::downgrade(&table));
        table
    }
}

impl LimitTable {
    fn adapt(&self, max_keys: usize, rate: Option<Gcra>) {
        for buckets in [&self.identities, &self.addresses] {
            buckets.set_max_keys(max_keys);
            if let Some(rate) = rate {
                buckets.adapt(rate, buckets.now());
            }
        }
    }

    /// The digest of a request's key, and whose table it belongs into.
    pub(super) fn find(&self, rule: &KeyRule, subject: &LimitSubject<'_>) -> (KeyDigest, KeyedBy) {
        rule.digest(subject, &self.keys)
    }

    pub(super) fn buckets(&self, keyed_by: KeyedBy) -> &BucketTable {
        match keyed_by {
            KeyedBy::Identity => &self.identities,
            KeyedBy::Address => &self.addresses,
        }
    }
}
