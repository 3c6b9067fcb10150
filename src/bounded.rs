//! What has a bound: the map that every cache of tokens is made of, bounded by entries and by
//! bytes, the bytes that bodies may take, files and other inputs, and the waits after failures.

pub(crate) mod backoff;
mod byte_budget;
mod doorkeeper;
pub(crate) mod input;

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    hash::BuildHasher,
    sync::Arc,
};

use foldhash::quality::RandomState;

use doorkeeper::Doorkeeper;

pub(crate) use backoff::Backoff;
pub(crate) use byte_budget::{ByteBudget, Reservation};

/// A map whose size has two bounds; when either is reached, entries that were not looked up lately
/// are evicted first (CLOCK: one bit per entry instead of a list to reorder on every hit). Only
/// keys that come again are admitted, so that a flood of one-time keys evicts nothing.
///
/// Keys are compared in full: the seeded hash only chooses the bucket (threats D-7, I-6).
#[derive(Debug)]
pub(crate) struct BoundedMap<V> {
    entries: HashMap<Arc<[u8]>, Slot<V>, RandomState>,
    queue: VecDeque<Arc<[u8]>>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    doorkeeper: Doorkeeper,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    bytes: usize,
    was_used: Cell<bool>,
}

/// What an entry costs besides its key and value: the two map slots and two reference counts.
const OVERHEAD: usize = 96;

impl<V> BoundedMap<V> {
    /// A map of at most `max_entries` and `max_bytes`.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: HashMap::default(),
            queue: VecDeque::new(),
            bytes: 0,
            max_entries,
            max_bytes,
            doorkeeper: Doorkeeper::new(max_entries),
        }
    }

    /// The value of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&V> {
        let slot = self.entries.get(key)?;
        slot.was_used.set(true);
        Some(&slot.value)
    }

    /// Adds or replaces. `value_bytes` is what the value takes. An entry that alone would break
    /// a bound is not taken; nor, once the map is full, one whose key comes for the first time.
    pub(crate) fn insert(&mut self, key: &[u8], value: V, value_bytes: usize) {
        let bytes = key.len() + value_bytes + OVERHEAD;
        if self.max_entries == 0 || bytes > self.max_bytes {
            return;
        }
        if self.is_full_for(bytes) && !self.lets_in(key) {
            return;
        }
        self.remove(key);
        while self.is_full_for(bytes) {
            self.evict_one();
        }
        let key: Arc<[u8]> = key.into();
        self.queue.push_back(Arc::clone(&key));
        self.entries.insert(key, Slot { value, bytes, was_used: Cell::new(false) });
        self.bytes += bytes;
        self.compact_queue();
    }

    /// Removes a key. Its place in the queue goes when the queue gets there, or is compacted.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(slot) = self.entries.remove(key) {
            self.bytes -= slot.bytes;
        }
    }

    /// Every entry, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries.iter().map(|(key, slot)| (&**key, &slot.value))
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.queue.clear();
        self.bytes = 0;
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes the entries take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_full_for(&self, bytes: usize) -> bool {
        self.entries.len() >= self.max_entries || self.bytes + bytes > self.max_bytes
    }

    fn lets_in(&mut self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
            || self.doorkeeper.lets_in(self.entries.hasher().hash_one(key))
    }

    /// Keeps the queue proportional to the entries, at a cost that is constant on average.
    fn compact_queue(&mut self) {
        /// Below this a queue is not worth compacting.
        const SLACK: usize = 64;
        if self.queue.len() <= 2 * self.entries.len() + SLACK {
            return;
        }
        let entries = &self.entries;
        self.queue.retain(|queued| is_live(entries, queued));
    }

    fn evict_one(&mut self) {
        while let Some(key) = self.queue.pop_front() {
            if !is_live(&self.entries, &key) {
                continue;
            }
            let Some(slot) = self.entries.get(&key) else {
                continue;
            };
            if slot.was_used.replace(false) {
                self.queue.push_back(key);
                continue;
            }
            self.bytes -= slot.bytes;
            self.entries.remove(&key);
            return;
        }
    }
}

/// Whether a queued key is the one that its entry was stored under, not an earlier one of the
/// same bytes.
fn is_live<V>(entries: &HashMap<Arc<[u8]>, Slot<V>, RandomState>, queued: &Arc<[u8]>) -> bool {
    entries.get_key_value(queued).is_some_and(|(key, _)| Arc::ptr_eq(key, queued))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d7_entries_are_bounded_by_number() {
        let mut map = BoundedMap::new(3, usize::MAX);
        for key in 0..100_u8 {
            map.insert(&[key], key, 0);
            map.insert(&[key], key, 0);
        }
        assert_eq!(map.len(), 3);
        assert_eq!(map.find(&[99]), Some(&99));
        assert_eq!(map.find(&[0]), None);
    }

    #[test]
    fn d7_keys_that_come_once_push_nobody_out() {
        let mut map = BoundedMap::new(100, usize::MAX);
        for key in 0..100_u32 {
            map.insert(&key.to_be_bytes(), key, 0);
        }
        for key in 1_000..101_000_u32 {
            map.insert(&key.to_be_bytes(), key, 0);
        }
        let stayed = (0..100_u32).filter(|key| map.find(&key.to_be_bytes()).is_some()).count();
        assert!(stayed >= 95, "{stayed} of 100 stayed");
    }

    #[test]
    fn a_key_that_comes_again_gets_into_a_full_map() {
        let mut map = BoundedMap::new(1, usize::MAX);
        map.insert(b"a", 1, 0);
        map.insert(b"b", 2, 0);
        assert_eq!((map.find(b"a"), map.find(b"b")), (Some(&1), None));
        map.insert(b"b", 2, 0);
        map.insert(b"b", 2, 0);
        assert_eq!(map.find(b"b"), Some(&2));
    }

    #[test]
    fn d7_entries_are_bounded_by_bytes() {
        let mut map = BoundedMap::new(1000, 10 * (OVERHEAD + 101));
        for key in 0..100_u8 {
            map.insert(&[key], key, 100);
            map.insert(&[key], key, 100);
            assert!(map.bytes() <= 10 * (OVERHEAD + 101));
        }
        assert_eq!(map.len(), 10);
        map.insert(b"huge", 1, usize::MAX / 2);
        assert_eq!(map.find(b"huge"), None, "larger than the whole map");
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut map = BoundedMap::new(3, usize::MAX);
        for key in 0..100_u8 {
            map.insert(&[key], key, 0);
            map.insert(&[key], key, 0);
            assert_eq!(map.find(&[0]), Some(&0), "after {key}");
        }
    }

    #[test]
    fn a_removed_or_replaced_entry_gives_its_bytes_back() {
        let mut map = BoundedMap::new(3, usize::MAX);
        map.insert(b"a", 1, 10);
        map.insert(b"a", 2, 20);
        assert_eq!((map.len(), map.bytes()), (1, 1 + 20 + OVERHEAD));
        map.remove(b"a");
        assert_eq!((map.len(), map.bytes()), (0, 0));
        map.insert(b"b", 3, 1);
        map.clear();
        assert_eq!((map.len(), map.bytes(), map.find(b"b")), (0, 0, None));
    }

    #[test]
    fn d7_the_queue_does_not_outgrow_the_entries() {
        let mut map = BoundedMap::new(1000, usize::MAX);
        for _ in 0..10_000 {
            map.insert(b"a", 1, 0);
            map.remove(b"a");
        }
        assert!(map.queue.len() <= 66, "{}", map.queue.len());
    }

    #[test]
    fn a_map_of_zero_entries_keeps_nothing() {
        let mut map = BoundedMap::new(0, usize::MAX);
        map.insert(b"a", 1, 0);
        assert_eq!(map.find(b"a"), None);
    }
}
