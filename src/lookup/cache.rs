//! A cache of answers, each for a time of its own.

use parking_lot::Mutex;

use crate::{
    bounded::BoundedMap,
    clock::{ClockAnchor, UnixTime},
};

/// Responses by key, bounded by number and bytes, shared by all threads. An entry stays until it is
/// evicted: a stale response may still be of use.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    entries: Mutex<BoundedMap<CacheEntry<V>>>,
}

#[derive(Debug)]
struct CacheEntry<V> {
    value: V,
    lifetime: Lifetime,
    /// Since when it is here: it counts no longer than that, though the wall clock is set back.
    since: ClockAnchor,
}

/// How long an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// Until then no lookup is sent.
    pub(crate) fresh_until: UnixTime,
    /// Until then it may be used as a stale response.
    pub(crate) stale_until: UnixTime,
}

impl Lifetime {
    /// Of a response that is never used stale.
    pub(crate) fn fresh_only(fresh_until: UnixTime) -> Self {
        Self { fresh_until, stale_until: UnixTime(i64::MIN) }
    }
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: Mutex::new(BoundedMap::new(max_entries, max_bytes)) }
    }

    /// A fresh answer.
    pub(crate) fn find(&self, key: &[u8], now: UnixTime) -> Option<V> {
        let entries = self.entries.lock();
        let entry = entries.find(key)?;
        let now = entry.since.latest(now);
        (now < entry.lifetime.fresh_until).then(|| entry.value.clone())
    }

    /// A stale response for use without a fresh one, and its end by the wall clock as it is now.
    pub(crate) fn find_stale(&self, key: &[u8], now: UnixTime) -> Option<(V, UnixTime)> {
        let entries = self.entries.lock();
        let entry = entries.find(key)?;
        let left = entry.lifetime.stale_until.0.saturating_sub(entry.since.latest(now).0);
        (left > 0).then(|| (entry.value.clone(), UnixTime(now.0.saturating_add(left))))
    }

    /// Whether the last response, however old, meets the predicate.
    pub(crate) fn has(&self, key: &[u8], predicate: impl FnOnce(&V) -> bool) -> bool {
        self.entries.lock().find(key).is_some_and(|entry| predicate(&entry.value))
    }

    /// Adds or replaces an answer, whose lifetime was set at `now`. `bytes` is what it takes beyond
    /// its own size.
    pub(crate) fn insert(
        &self,
        key: &[u8],
        value: V,
        lifetime: Lifetime,
        bytes: usize,
        now: UnixTime,
    ) {
        let bytes = bytes + size_of::<CacheEntry<V>>();
        let entry = CacheEntry { value, lifetime, since: ClockAnchor::at(now) };
        self.entries.lock().insert(key, entry, bytes);
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        self.entries.lock().remove(key);
    }

    /// How many answers there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn at(seconds: i64) -> UnixTime {
        UnixTime(seconds)
    }

    #[test]
    fn an_answer_is_fresh_then_stale_and_then_only_remembered() {
        let cache = Cache::new(10, 10_000);
        let lifetime = Lifetime { fresh_until: at(10), stale_until: at(20) };
        cache.insert(b"a", "answer", lifetime, 0, at(0));
        assert_eq!(cache.find(b"a", at(9)), Some("answer"));
        assert_eq!(cache.find(b"a", at(10)), None);
        assert_eq!(cache.find_stale(b"a", at(19)), Some(("answer", at(20))));
        assert!(cache.find_stale(b"a", at(20)).is_none());
        assert!(cache.has(b"a", |value| *value == "answer"));
        cache.remove(b"a");
        assert!(!cache.has(b"a", |_| true));
    }

    #[tokio::test(start_paused = true)]
    async fn d11_an_answer_ends_in_time_though_the_clock_is_set_back() {
        let cache = Cache::new(10, 10_000);
        let lifetime = Lifetime { fresh_until: at(3_610), stale_until: at(3_620) };
        cache.insert(b"a", "answer", lifetime, 0, at(3_600));
        advance(Duration::from_secs(9)).await;
        assert_eq!(cache.find(b"a", at(9)), Some("answer"), "an hour back");
        advance(Duration::from_secs(1)).await;
        assert_eq!(cache.find(b"a", at(10)), None);
        assert_eq!(cache.find_stale(b"a", at(10)), Some(("answer", at(20))), "10 s are left");
        assert_eq!(cache.find(b"a", at(3_610)), None, "and set right");
        advance(Duration::from_secs(10)).await;
        assert!(cache.find_stale(b"a", at(20)).is_none());
    }

    #[test]
    fn an_answer_that_is_only_ever_fresh_never_stands_in() {
        let cache = Cache::new(10, 10_000);
        cache.insert(b"a", "answer", Lifetime::fresh_only(at(10)), 0, at(0));
        assert_eq!(cache.find(b"a", at(0)), Some("answer"));
        assert!(cache.find_stale(b"a", at(0)).is_none());
    }

    #[test]
    fn d7_answers_are_bounded_by_number_and_bytes() {
        let (by_number, by_bytes) = (Cache::new(3, usize::MAX), Cache::new(100, 1_000));
        for key in 0..100_u8 {
            for cache in [&by_number, &by_bytes] {
                cache.insert(&[key], key, Lifetime::fresh_only(at(10)), 100, at(0));
            }
        }
        assert_eq!(by_number.len(), 3);
        assert!((1..=10).contains(&by_bytes.len()), "{}", by_bytes.len());
    }
}
