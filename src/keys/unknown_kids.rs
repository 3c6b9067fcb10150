//! The `kid`s that a refresh did not find.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::atomic::{AtomicUsize, Ordering},
};

use dashmap::DashMap;

/// Remembers the `kid`s that a refresh did not find, each for a cooldown from that refresh's end.
/// The issuer's cooldown counts from its start and so ends a little earlier: then a new `kid` comes
/// first, and a client that keeps repeating an old one can't use up the refresh. Until then, a
/// repeated `kid` costs one hash table lookup.
///
/// A `kid` is held as a 64-bit hash under a secret random key: 16 bytes an entry whatever was
/// sent. Two `kid`s with one hash would cost the second one a cooldown, and an attacker can't aim
/// at it.
#[derive(Debug)]
pub(super) struct UnknownKids {
    until: DashMap<u64, u64>,
    count: AtomicUsize,
    hasher: RandomState,
}

/// The most `kid`s remembered per issuer: some 100 KiB. Beyond it nothing is remembered, and the
/// cooldown alone protects the source.
pub(super) const MAX_UNKNOWN_KIDS: usize = 4_096;

impl UnknownKids {
    pub(super) fn new() -> Self {
        Self { until: DashMap::new(), count: AtomicUsize::new(0), hasher: RandomState::new() }
    }

    /// Whether the `kid` is remembered at `now` (milliseconds of the owner's monotonic clock).
    pub(super) fn contains(&self, kid: &str, now: u64) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let until = self.until.get(&self.hash(kid)).map(|entry| *entry);
        until.is_some_and(|until| now < until)
    }

    /// Remembers the `kid` until then, if there is room.
    pub(super) fn insert(&self, kid: &str, now: u64, until: u64) {
        if self.until.len() >= MAX_UNKNOWN_KIDS {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() < MAX_UNKNOWN_KIDS {
            self.until.insert(self.hash(kid), until);
        }
        self.count.store(self.until.len(), Ordering::Relaxed);
    }

    /// Forgets everything: the set was replaced, and the new one speaks for itself.
    pub(super) fn clear(&self) {
        self.until.clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// How many are remembered, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.until.len()
    }

    fn hash(&self, kid: &str) -> u64 {
        self.hasher.hash_one(kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k8_an_unknown_kid_is_remembered_for_its_time_and_no_longer() {
        let kids = UnknownKids::new();
        kids.insert("gone", 0, 100);
        assert!(kids.contains("gone", 99));
        assert!(!kids.contains("gone", 100));
        assert!(!kids.contains("other", 99));
        kids.clear();
        assert!(!kids.contains("gone", 99));
    }

    #[test]
    fn k8_a_million_kids_take_bounded_memory_and_old_ones_make_room() {
        let kids = UnknownKids::new();
        for n in 0..20_000 {
            kids.insert(&n.to_string(), 0, 100);
        }
        assert_eq!(kids.len(), MAX_UNKNOWN_KIDS);
        assert!(kids.contains("0", 50), "what is remembered is not pushed out");
        kids.insert("late", 100, 200);
        assert!(kids.contains("late", 150));
        assert_eq!(kids.len(), 1);
    }
}
