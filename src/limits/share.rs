//! A rate that all replicas share: the bucket is in the shared store, and its clock is the
//! server's. Where the store can't be reached, the operator's choice counts: each replica by its
//! own part of the rate, or none.

use super::{gcra::Gcra, table::BucketState};
use crate::shared::{LostStore, RateAnswer, RateRule, SharedKey, SharedKind, SharedStore};

/// A rate in the shared store.
#[derive(Debug)]
pub(super) struct SharedRate {
    store: SharedStore,
    rule: RateRule,
    rate: Gcra,
    /// What counts while the store can't be reached.
    local: Gcra,
}

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum SharedTaken {
    Passed(BucketState),
    /// For so many nanoseconds.
    Refused(u64),
    /// The store can't be reached, and this replica decides by that rate.
    Local(Gcra),
    /// The store can't be reached, and nothing passes without it.
    Unavailable,
}

/// The store counts in microseconds.
const NANOS: u64 = 1_000;

impl SharedRate {
    pub(super) fn new(rate: Gcra, store: &SharedStore) -> Self {
        let rule = RateRule::new(rate.interval(), rate.burst());
        Self { store: store.clone(), rule, rate, local: rate.part(store.replicas()) }
    }

    /// The rate by which this replica decides alone.
    pub(super) fn local(&self) -> Gcra {
        self.local
    }

    pub(super) async fn take(&self, digest: [u8; 32]) -> SharedTaken {
        let key = SharedKey::new(SharedKind::Limit, digest);
        match self.store.take(&key, &self.rule).await {
            Some(RateAnswer::Passed { full_in }) => {
                let full_in = full_in.saturating_mul(NANOS);
                SharedTaken::Passed(BucketState {
                    remaining: self.rate.remaining(full_in),
                    full_in,
                })
            }
            Some(RateAnswer::Refused { wait }) => SharedTaken::Refused(wait.saturating_mul(NANOS)),
            None if self.store.on_lost_limits() == LostStore::Local => {
                SharedTaken::Local(self.local)
            }
            None => SharedTaken::Unavailable,
        }
    }
}
