//! Who gets into a cache that is full: what was there lately before.

/// Remembers what knocked lately, by a fingerprint each, in a table that is as large as the cache
/// has entries. A newcomer takes the place of the previous one, so that the memory
/// ages by itself.
///
/// Without it, one-time tokens evict frequent ones, and a working set of ten times the cache costs
/// more with the cache than without: every token is stored and none is found again. Two tokens with
/// the same fingerprint merely admit each other: a cache hit is still compared in full.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    /// 0: empty. Allocated when the cache is full for the first time.
    fingerprints: Vec<u32>,
    places: usize,
}

impl Doorkeeper {
    /// For a cache of that many entries. Takes four bytes for each, and up to twice that.
    pub(super) fn new(entries: usize) -> Self {
        Self { fingerprints: Vec::new(), places: entries.max(1).next_power_of_two() }
    }

    /// Whether this hash was seen lately; records it in any case. `hash` is seeded, so that a
    /// client can't compute which keys share a slot.
    pub(super) fn lets_in(&mut self, hash: u64) -> bool {
        if self.fingerprints.is_empty() {
            self.fingerprints = vec![0; self.places];
        }
        #[expect(clippy::cast_possible_truncation, reason = "a part of the hash is meant")]
        let (place, fingerprint) = (hash as usize & (self.places - 1), (hash >> 32) as u32 | 1);
        match self.fingerprints.get_mut(place) {
            Some(known) => std::mem::replace(known, fingerprint) == fingerprint,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_knock_opens() {
        let mut doorkeeper = Doorkeeper::new(10);
        assert!(!doorkeeper.lets_in(7));
        assert!(doorkeeper.lets_in(7));
    }

    #[test]
    fn who_knocked_long_ago_is_forgotten() {
        let mut doorkeeper = Doorkeeper::new(16);
        doorkeeper.lets_in(1 << 40);
        for hash in 0..1_000_u64 {
            doorkeeper.lets_in(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        assert!(!doorkeeper.lets_in(1 << 40));
    }

    #[test]
    fn a_cache_without_entries_has_a_doorkeeper_all_the_same() {
        assert!(!Doorkeeper::new(0).lets_in(u64::MAX));
    }
}
