//! A cache of answers, each for a time of its own.

use parking_lot::Mutex;

use crate::{bounded::BoundedMap, clock::UnixTime};

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
}

/// How long an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// Until then no lookup is sent.
    pub(crate) fresh_until: UnixTime,
    /// Until then it stands in where there is no response.
    pub(crate) stale_until: UnixTime,
}

impl Lifetime {
    /// Of an answer that never stands in for another.
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
        (now < entry.lifetime.fresh_until).then(|| entry.value.clone())
    }

    /// An answer that may stand in where there is no response, and until when.
    pub(crate) fn find_stale(&self, key: &[u8], now: UnixTime) -> Option<(V, UnixTime)> {
        let entries = self.entries.lock();
        let entry = entries.find(key)?;
        let until = entry.lifetime.stale_until;
        (now < until).then(|| (entry.value.clone(), until))
    }

    /// Whether the last response, however old, meets the predicate.
    pub(crate) fn has(&self, key: &[u8], is_such: impl FnOnce(&V) -> bool) -> bool {
        self.entries.lock().find(key).is_some_and(|entry| is_such(&entry.value))
    }

    /// Adds or replaces an answer. `bytes` is what it takes beyond its own size.
    pub(crate) fn insert(&self, key: &[u8], value: V, lifetime: Lifetime, bytes: usize) {
        let bytes = bytes + size_of::<CacheEntry<V>>();
        self.entries.lock().insert(key, CacheEntry { value, lifetime }, bytes);
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
    use super::*;

    fn at(seconds: i64) -> UnixTime {
        UnixTime(seconds)
    }

    #[test]
    fn an_answer_is_fresh_then_stale_and_then_only_remembered() {
        let cache = Cache::new(10, 10_000);
        let lifetime = Lifetime { fresh_until: at(10), stale_until: at(20) };
        cache.insert(b"a", "answer", lifetime, 0);
        assert_eq!(cache.find(b"a", at(9)), Some("answer"));
        assert_eq!(cache.find(b"a", at(10)), None);
        assert_eq!(cache.find_stale(b"a", at(19)), Some(("answer", at(20))));
        assert!(cache.find_stale(b"a", at(20)).is_none());
        assert!(cache.has(b"a", |value| *value == "answer"));
        cache.remove(b"a");
        assert!(!cache.has(b"a", |_| true));
    }

    #[test]
    fn an_answer_that_is_only_ever_fresh_never_stands_in() {
        let cache = Cache::new(10, 10_000);
        cache.insert(b"a", "answer", Lifetime::fresh_only(at(10)), 0);
        assert_eq!(cache.find(b"a", at(0)), Some("answer"));
        assert!(cache.find_stale(b"a", at(0)).is_none());
    }

    #[test]
    fn d7_answers_are_bounded_by_number_and_bytes() {
        let (by_number, by_bytes) = (Cache::new(3, usize::MAX), Cache::new(100, 1_000));
        for key in 0..100_u8 {
            for cache in [&by_number, &by_bytes] {
                cache.insert(&[key], key, Lifetime::fresh_only(at(10)), 100);
            }
        }
        assert_eq!(by_number.len(), 3);
        assert!((1..=10).contains(&by_bytes.len()), "{}", by_bytes.len());
    }
}
