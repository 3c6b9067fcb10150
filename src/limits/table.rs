//! The buckets of one limit: a table of bounded size that all workers share.
//!
//! A bucket may be evicted once it is full and no request holds it: then it is as if it had never
//! been there. Where none may be, the table is full, and a caller without a bucket is not let pass:
//! evicting another would give both of them a fresh burst.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge};
use tokio::time::Instant;

use super::{gcra::Gcra, key::KeyDigest};

/// The buckets by the digests of their keys.
#[derive(Debug)]
pub(super) struct BucketTable {
    shards: Vec<Mutex<Shard>>,
    buckets: AtomicUsize,
    max_keys: AtomicUsize,
    /// The rule in force, see [`Gcra::fingerprint`].
    rule: AtomicU32,
    epoch: Instant,
    counters: TableCounters,
}

/// What is counted of a table.
#[derive(Debug, Clone)]
pub(super) struct TableCounters {
    /// Buckets that are there.
    pub(super) keys: IntGauge,
    /// Buckets that were evicted.
    pub(super) evictions: IntCounter,
}

#[derive(Debug)]
struct Shard {
    buckets: HashMap<KeyDigest, Bucket, RandomState>,
    /// Before this, none may be evicted. Nanoseconds.
    evictable_from: u64,
}

/// The state of one caller.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// See [`Gcra`].
    full_at: u64,
    in_flight: u32,
    /// By which rule it last let a request pass, or was adapted.
    rule: u32,
}

/// What a bucket is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// One request of the rate, where there is one.
    pub(super) rate: Option<Gcra>,
    /// A place among so many at once, where they are bounded.
    pub(super) concurrency: Option<u32>,
}

/// What is left after a request that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BucketState {
    /// Requests that the rate would let pass right now.
    pub(super) remaining: u32,
    /// When the bucket is full again, in nanoseconds from now.
    pub(super) full_in: u64,
}

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableRefusal {
    /// The rate is used up, for so many nanoseconds.
    Rate(u64),
    /// As many as may be are under way.
    Concurrency,
    /// There is no room for the caller's bucket.
    Full,
}

/// A lock is held for one lookup; so many make it improbable that two workers want the same.
const SHARDS: usize = 64;

impl BucketTable {
    pub(super) fn new(max_keys: usize, counters: TableCounters) -> Self {
        let shard = || Shard {
            buckets: HashMap::with_hasher(RandomState::default()),
            evictable_from: u64::MAX,
        };
        Self {
            shards: std::iter::repeat_with(|| Mutex::new(shard())).take(SHARDS).collect(),
            buckets: AtomicUsize::new(0),
            max_keys: AtomicUsize::new(max_keys),
            rule: AtomicU32::new(0),
            epoch: Instant::now(),
            counters,
        }
    }

    /// Bounds what is inserted from now on.
    pub(super) fn set_max_keys(&self, max_keys: usize) {
        self.max_keys.store(max_keys, Relaxed);
    }

    /// That rate is in force from now on: a bucket that another one has emptied is waited for, and
    /// kept, no longer than this one takes to fill it. Requests that began before still count by
    /// the other one.
    pub(super) fn adapt(&self, rate: Gcra, now: u64) {
        let rule = rate.fingerprint();
        if self.rule.swap(rule, Relaxed) != rule {
            self.shards.iter().for_each(|shard| shard.lock().adapt(rate, now));
        }
    }

    /// The present moment, in nanoseconds since the table was made.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes what is demanded from the bucket of that key, all of it or nothing.
    pub(super) fn take(
        &self,
        key: KeyDigest,
        demand: Demand,
        now: u64,
    ) -> Result<BucketState, TableRefusal> {
        let rule = self.rule.load(Relaxed);
        {
            let mut shard = self.shard(key).lock();
            if let Some(standing) = shard.take(key, demand, now, rule) {
                return standing;
            }
            if self.reserve(&mut shard, now) {
                return shard.insert(key, demand, now, rule);
            }
        }
        self.evict_anywhere(now);
        let mut shard = self.shard(key).lock();
        if let Some(standing) = shard.take(key, demand, now, rule) {
            return standing;
        }
        if self.reserve(&mut shard, now) {
            return shard.insert(key, demand, now, rule);
        }
        Err(TableRefusal::Full)
    }

    /// Returns a place among those at once.
    pub(super) fn release(&self, key: KeyDigest) {
        let mut shard = self.shard(key).lock();
        let Some(bucket) = shard.buckets.get_mut(&key) else {
            return;
        };
        bucket.in_flight = bucket.in_flight.saturating_sub(1);
        let Bucket { full_at, in_flight, rule: _ } = *bucket;
        if in_flight == 0 && full_at == 0 {
            // Without a rate, nothing is to be remembered.
            shard.buckets.remove(&key);
            self.removed(1);
        } else if in_flight == 0 {
            shard.evictable_from = shard.evictable_from.min(full_at);
        }
    }

    /// Returns a request of the rate. A bucket that counts by another one since then keeps it.
    pub(super) fn refund(&self, key: KeyDigest, rate: Gcra) {
        let mut shard = self.shard(key).lock();
        if let Some(bucket) = shard.buckets.get_mut(&key)
            && bucket.rule == rate.fingerprint()
        {
            bucket.full_at = rate.refund(bucket.full_at);
            let full_at = bucket.full_at;
            shard.evictable_from = shard.evictable_from.min(full_at);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard(&self, key: KeyDigest) -> &Mutex<Shard> {
        let place = key.first_half() % SHARDS as u64;
        &self.shards[usize::try_from(place).unwrap_or_default()]
    }

    /// Counts one more bucket, if there is room. Evicts before the shard would grow.
    fn reserve(&self, shard: &mut Shard, now: u64) -> bool {
        let max_keys = self.max_keys.load(Relaxed);
        let would_grow = shard.buckets.len() == shard.buckets.capacity();
        if would_grow || self.buckets.load(Relaxed) >= max_keys {
            self.removed(shard.evict(now));
        }
        let one_more = |buckets| (buckets < max_keys).then_some(buckets + 1);
        let has_room = self.buckets.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        if has_room {
            self.counters.keys.inc();
        }
        has_room
    }

    /// Evicts from the first shard in which something may be evicted. One at a time is locked.
    fn evict_anywhere(&self, now: u64) {
        for shard in &self.shards {
            let evicted = shard.lock().evict(now);
            self.removed(evicted);
            if evicted > 0 {
                return;
            }
        }
    }

    fn removed(&self, buckets: usize) {
        if buckets > 0 {
            self.buckets.fetch_sub(buckets, Relaxed);
            self.counters.keys.sub(i64::try_from(buckets).unwrap_or(i64::MAX));
            self.counters.evictions.inc_by(buckets as u64);
        }
    }
}

impl Drop for BucketTable {
    fn drop(&mut self) {
        self.counters.keys.sub(i64::try_from(*self.buckets.get_mut()).unwrap_or(i64::MAX));
    }
}

impl Shard {
    /// `None`: there is no bucket of that key.
    fn take(
        &mut self,
        key: KeyDigest,
        demand: Demand,
        now: u64,
        rule: u32,
    ) -> Option<Result<BucketState, TableRefusal>> {
        let bucket = self.buckets.get_mut(&key)?;
        let standing = bucket.take(demand, now, rule);
        // It is full sooner than it was where it has counted by a slower rate so far.
        if bucket.in_flight == 0 {
            self.evictable_from = self.evictable_from.min(bucket.full_at);
        }
        Some(standing)
    }

    fn insert(
        &mut self,
        key: KeyDigest,
        demand: Demand,
        now: u64,
        rule: u32,
    ) -> Result<BucketState, TableRefusal> {
        let mut bucket = Bucket::default();
        let standing = bucket.take(demand, now, rule);
        self.buckets.insert(key, bucket);
        if bucket.in_flight == 0 {
            self.evictable_from = self.evictable_from.min(bucket.full_at);
        }
        standing
    }

    fn adapt(&mut self, rate: Gcra, now: u64) {
        self.evictable_from = u64::MAX;
        for bucket in self.buckets.values_mut() {
            bucket.adapt(rate, now);
            if bucket.in_flight == 0 {
                self.evictable_from = self.evictable_from.min(bucket.full_at);
            }
        }
    }

    /// Removes what may be evicted; how many. Looks at the buckets only if there may be one.
    fn evict(&mut self, now: u64) -> usize {
        if now < self.evictable_from {
            return 0;
        }
        let before = self.buckets.len();
        let mut next = u64::MAX;
        self.buckets.retain(|_, bucket| {
            let stays = bucket.in_flight > 0 || bucket.full_at > now;
            if stays && bucket.in_flight == 0 {
                next = next.min(bucket.full_at);
            }
            stays
        });
        self.evictable_from = next;
        before - self.buckets.len()
    }
}

impl Bucket {
    /// `in_force` is the rule of the table: a request of before that counts by another one gives
    /// nothing away.
    fn take(
        &mut self,
        demand: Demand,
        now: u64,
        in_force: u32,
    ) -> Result<BucketState, TableRefusal> {
        if demand.concurrency.is_some_and(|most| self.in_flight >= most) {
            return Err(TableRefusal::Concurrency);
        }
        let mut standing = BucketState { remaining: 0, full_in: 0 };
        if let Some(rate) = demand.rate {
            let rule = rate.fingerprint();
            if rule == in_force {
                self.adapt(rate, now);
            }
            let taken = rate.take(self.full_at, now).map_err(TableRefusal::Rate)?;
            (self.full_at, self.rule) = (taken.full_at, rule);
            let full_in = taken.full_at.saturating_sub(now);
            standing = BucketState { remaining: taken.remaining, full_in };
        }
        if demand.concurrency.is_some() {
            self.in_flight += 1;
        }
        Ok(standing)
    }

    /// Bounds the state by that rate, after one of another rate. Not at each request: the time of one
    /// may be a moment before that of the one before it, which must give nothing away.
    fn adapt(&mut self, rate: Gcra, now: u64) {
        let rule = rate.fingerprint();
        if self.rule != rule {
            self.full_at = rate.bounded(self.full_at, now);
            self.rule = rule;
        }
    }
}

#[cfg(test)]
mod tests;
