//! Counts that every request changes, without two workers on one cache line.

use std::{
    cell::Cell,
    num::NonZero,
    sync::{
        LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// `N` counts that threads add to. A thread adds to cells of its own shard, and who reads adds up
/// the shards.
///
/// A count in one place moves its cache line from core to core with every request: some 100 ns
/// each time, of a request that takes 6,000. Here it stays with its worker, and the addition costs
/// one instruction. Two threads may have the same shard where there are more threads than shards,
/// so the addition is still atomic.
#[derive(Debug)]
pub(crate) struct Sharded<const N: usize>(Box<[CountShard<N>]>);

/// The cells of one shard. Processors fetch lines in pairs, hence twice the size of a line.
#[derive(Debug)]
#[repr(align(128))]
struct CountShard<const N: usize>([AtomicU64; N]);

/// More workers than that share shards: a shard of a route takes 384 bytes.
const MAX_SHARDS: usize = 16;

/// One for each worker, and one for the other threads.
static SHARDS: LazyLock<usize> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores + 1).min(MAX_SHARDS)
});

/// The next thread's number.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The shard of this thread; `usize::MAX`: it has added nothing so far.
    static OWN_SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl<const N: usize> Default for Sharded<N> {
    fn default() -> Self {
        let shard = |_| CountShard(std::array::from_fn(|_| AtomicU64::new(0)));
        Self((0..*SHARDS).map(shard).collect())
    }
}

impl<const N: usize> Sharded<N> {
    /// Adds to a cell of this thread's shard. To take away, add the two's complement.
    #[inline]
    pub(crate) fn add(&self, cell: usize, amount: u64) {
        self.add_to_each([(cell, amount)]);
    }

    /// Adds to several cells of this thread's shard.
    #[inline]
    pub(crate) fn add_to_each<const M: usize>(&self, amounts: [(usize, u64); M]) {
        let Some(CountShard(cells)) = self.0.get(own_shard()) else { return };
        for (cell, amount) in amounts {
            if let Some(cell) = cells.get(cell) {
                cell.fetch_add(amount, Relaxed);
            }
        }
    }

    /// What all threads have added.
    pub(crate) fn total(&self, cell: usize) -> u64 {
        let cells = self.0.iter().filter_map(|shard| shard.0.get(cell));
        cells.fold(0, |total, cell| total.wrapping_add(cell.load(Relaxed)))
    }
}

#[inline]
fn own_shard() -> usize {
    let own = OWN_SHARD.get();
    if own == usize::MAX { first_use() } else { own }
}

#[cold]
fn first_use() -> usize {
    let own = NEXT_THREAD.fetch_add(1, Relaxed) % *SHARDS;
    OWN_SHARD.set(own);
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_add_is_added_up() {
        let counts = Sharded::<2>::default();
        thread::scope(|scope| {
            for _ in 0..2 * MAX_SHARDS {
                scope.spawn(|| (0..1000).for_each(|_| counts.add(1, 3)));
            }
        });
        assert_eq!((counts.total(0), counts.total(1)), (0, 2 * MAX_SHARDS as u64 * 3000));
    }

    #[test]
    fn what_one_thread_has_added_another_may_take_away() {
        let counts = Sharded::<1>::default();
        counts.add(0, 1);
        thread::scope(|scope| {
            scope.spawn(|| counts.add(0, 1_u64.wrapping_neg()));
        });
        assert_eq!(counts.total(0), 0);
    }

    #[test]
    fn no_two_shards_are_on_one_cache_line() {
        assert_eq!(align_of::<CountShard<1>>(), 128);
        assert_eq!(size_of::<CountShard<18>>() % 128, 0);
    }
}
