//! What has a bound: the map that every cache of tokens is made of, bounded by entries and by
//! bytes, the bytes that bodies may take, files and other inputs, and the waits after failures.

pub(crate) mod backoff;
mod byte_budget;
mod doorkeeper;
pub(crate) mod input;
mod places;

use std::{
    collections::VecDeque,
    fmt,
    hash::BuildHasher,
    sync::atomic::{AtomicBool, Ordering},
};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use triomphe::ThinArc;

use doorkeeper::Doorkeeper;

pub(crate) use backoff::Backoff;
pub(crate) use byte_budget::{ByteBudget, Reservation};
pub(crate) use places::{Place, SharedPlaces};

/// A map whose size has two bounds; when either is reached, entries that were not looked up lately
/// are evicted first (CLOCK: one bit per entry instead of a list to reorder on every hit). Only
/// keys that come again are admitted, so that a flood of one-time keys evicts nothing.
///
/// Keys are compared in full: the seeded hash only chooses the bucket (threats D-7, I-6). Keys are
/// long, so each is hashed once per call, and not again when it is moved or evicted.
pub(crate) struct BoundedMap<V> {
    /// Each with its key behind it, in one block: a look-up reads as few lines of memory as it can.
    /// Nothing else keeps an entry alive.
    entries: HashTable<ThinArc<Entry<V>, u8>>,
    hasher: RandomState,
    queue: VecDeque<QueuedEntry>,
    /// Of the entry that came last.
    serial: u32,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    doorkeeper: Doorkeeper,
}

/// What stands before the key.
struct Entry<V> {
    hash: u64,
    value: V,
    bytes: usize,
    serial: u32,
    was_used: AtomicBool,
}

/// A place in the queue. It does not keep its entry: what was removed is freed at once, not when
/// the queue gets there.
#[derive(Clone, Copy)]
struct QueuedEntry {
    hash: u64,
    /// Comes again after 2^32 insertions. Should an entry of the same hash have it, that one is
    /// evicted instead.
    serial: u32,
}

/// What an entry costs besides its key and value: itself, and its places in the table and the
/// queue.
const OVERHEAD: usize = 96;

impl<V> BoundedMap<V> {
    /// A map of at most `max_entries` and `max_bytes`.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            entries: HashTable::new(),
            hasher: RandomState::default(),
            queue: VecDeque::new(),
            serial: 0,
            bytes: 0,
            max_entries,
            max_bytes,
            doorkeeper: Doorkeeper::new(max_entries),
        }
    }

    /// The value of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&V> {
        if self.entries.is_empty() {
            return None;
        }
        let entry = &self.entries.find(self.hash(key), |entry| entry.slice == *key)?.header.header;
        entry.was_used.store(true, Ordering::Relaxed);
        Some(&entry.value)
    }

    /// Adds or replaces. `value_bytes` is what the value takes. An entry that alone would break
    /// a bound is not taken; nor, once the map is full, one whose key comes for the first time.
    pub(crate) fn insert(&mut self, key: &[u8], value: V, value_bytes: usize) {
        let bytes = key.len() + value_bytes + OVERHEAD;
        if self.max_entries == 0 || bytes > self.max_bytes {
            return;
        }
        let hash = self.hash(key);
        if self.is_full_for(bytes) && !self.lets_in(hash, key) {
            return;
        }
        self.remove_hashed(hash, key);
        while self.is_full_for(bytes) {
            self.evict_one();
        }
        self.serial = self.serial.wrapping_add(1);
        let (serial, was_used) = (self.serial, AtomicBool::new(false));
        let entry = Entry { hash, value, bytes, serial, was_used };
        let entry = ThinArc::from_header_and_slice(entry, key);
        self.queue.push_back(QueuedEntry { hash, serial });
        self.entries.insert_unique(hash, entry, |entry| entry.header.header.hash);
        self.bytes += bytes;
        self.compact_queue();
    }

    /// Removes a key. Its place in the queue goes when the queue gets there, or is compacted.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        self.remove_hashed(self.hash(key), key);
    }

    /// Every entry, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries.iter().map(|entry| (&entry.slice, &entry.header.header.value))
    }

    /// Removes all entries but those.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&V) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let entry = &entry.header.header;
            let is_kept = is_kept(&entry.value);
            *bytes -= if is_kept { 0 } else { entry.bytes };
            is_kept
        });
        self.compact_queue();
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

    fn lets_in(&mut self, hash: u64, key: &[u8]) -> bool {
        let is_known = self.entries.find(hash, |entry| entry.slice == *key).is_some();
        is_known || self.doorkeeper.lets_in(hash)
    }

    fn remove_hashed(&mut self, hash: u64, key: &[u8]) {
        if let Ok(found) = self.entries.find_entry(hash, |entry| entry.slice == *key) {
            let (entry, _) = found.remove();
            self.bytes -= entry.header.header.bytes;
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Keeps the queue proportional to the entries, at a cost that is constant on average.
    fn compact_queue(&mut self) {
        /// Below this a queue is not worth compacting.
        const SLACK: usize = 64;
        if self.queue.len() <= 2 * self.entries.len() + SLACK {
            return;
        }
        let entries = &self.entries;
        self.queue.retain(|queued| entries.find(queued.hash, |entry| queued.is(entry)).is_some());
    }

    fn evict_one(&mut self) {
        while let Some(queued) = self.queue.pop_front() {
            let Ok(found) = self.entries.find_entry(queued.hash, |entry| queued.is(entry)) else {
                continue;
            };
            if found.get().header.header.was_used.swap(false, Ordering::Relaxed) {
                self.queue.push_back(queued);
                continue;
            }
            let (entry, _) = found.remove();
            self.bytes -= entry.header.header.bytes;
            return;
        }
    }
}

/// Not what is in it: keys are tokens.
impl<V> fmt::Debug for BoundedMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedMap")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl QueuedEntry {
    fn is<V>(&self, entry: &ThinArc<Entry<V>, u8>) -> bool {
        entry.header.header.serial == self.serial
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
    fn d7_keys_that_come_once_evict_no_other() {
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
    fn entries_that_are_not_retained_give_their_bytes_back() {
        let mut map = BoundedMap::new(100, usize::MAX);
        (0..100_u8).for_each(|key| map.insert(&[key], key, 9));
        map.retain(|value| value % 10 == 3);
        assert_eq!((map.len(), map.bytes()), (10, 10 * (1 + 9 + OVERHEAD)));
        assert_eq!((map.find(&[13]), map.find(&[14])), (Some(&13), None));
        (100..200_u8).for_each(|key| map.insert(&[key], key, 9));
        assert_eq!(map.len(), 100, "the bounds are as before");
    }

    #[test]
    fn d7_what_was_removed_is_freed_while_the_queue_still_names_it() {
        let value = Arc::new(());
        let mut map = BoundedMap::new(1000, usize::MAX);
        for _ in 0..10 {
            map.insert(b"a", Arc::clone(&value), 1);
            map.remove(b"a");
        }
        assert_eq!((map.queue.len(), Arc::strong_count(&value)), (10, 1));
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
    fn o2_no_key_is_in_its_debug_output() {
        let mut map = BoundedMap::new(1, usize::MAX);
        map.insert(b"a token", "of the caller", 0);
        let shown = format!("{map:?}");
        assert_eq!(shown, format!("BoundedMap {{ entries: 1, bytes: {}, .. }}", map.bytes()));
    }

    #[test]
    fn a_map_of_zero_entries_keeps_nothing() {
        let mut map = BoundedMap::new(0, usize::MAX);
        map.insert(b"a", 1, 0);
        assert_eq!(map.find(b"a"), None);
    }
}
