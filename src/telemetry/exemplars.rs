//! Examples beside the buckets of a histogram: the id of a request that is in the bucket, by which
//! its log line is found (`OpenMetrics` 1.0, "Exemplars").

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use crate::clock::{Clock as _, SystemClock, UnixTime};

/// How often the process was scraped in a format that shows examples. Each bucket gets one example
/// between two scrapes, and none before the first: without such a scraper nothing is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct ScrapeCount(Arc<AtomicU64>);

/// One example for each of `N` buckets.
#[derive(Debug)]
pub(super) struct ExemplarSlots<const N: usize> {
    scrapes: ScrapeCount,
    slots: [ExemplarSlot; N],
}

#[derive(Debug, Default)]
struct ExemplarSlot {
    /// The scrape after which it was filled.
    filled_after: AtomicU64,
    exemplar: Mutex<Option<Box<Exemplar>>>,
}

/// A request in a bucket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exemplar {
    /// One that this process has made: never what a client has sent.
    pub(super) request_id: String,
    /// How long it took.
    pub(super) duration: Duration,
    /// When it ended.
    pub(super) at: UnixTime,
}

impl ScrapeCount {
    /// A scrape shows examples.
    pub(super) fn scraped(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl<const N: usize> ExemplarSlots<N> {
    pub(super) fn new(scrapes: ScrapeCount) -> Self {
        Self { scrapes, slots: std::array::from_fn(|_| ExemplarSlot::default()) }
    }

    /// Whether the bucket has no example since the last scrape. Two loads of what seldom changes.
    #[inline]
    pub(super) fn is_due(&self, bucket: usize) -> bool {
        let scrapes = self.scrapes.0.load(Relaxed);
        self.slots.get(bucket).is_some_and(|slot| slot.filled_after.load(Relaxed) != scrapes)
    }

    #[cold]
    pub(super) fn fill(
        &self,
        bucket: usize,
        duration: Duration,
        id: impl FnOnce() -> Option<String>,
    ) {
        let Some((slot, request_id)) = self.slots.get(bucket).zip(id()) else { return };
        // Another thread fills it at the moment: one of both is enough.
        let Some(mut exemplar) = slot.exemplar.try_lock() else { return };
        slot.filled_after.store(self.scrapes.0.load(Relaxed), Relaxed);
        *exemplar = Some(Box::new(Exemplar { request_id, duration, at: SystemClock.now() }));
    }

    pub(super) fn get(&self, bucket: usize) -> Option<Exemplar> {
        self.slots.get(bucket)?.exemplar.lock().as_deref().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(slots: &ExemplarSlots<2>, bucket: usize, id: &str) -> bool {
        let is_due = slots.is_due(bucket);
        if is_due {
            slots.fill(bucket, Duration::from_millis(3), || Some(id.to_owned()));
        }
        is_due
    }

    #[test]
    fn a_bucket_gets_one_example_between_two_scrapes_and_none_before_the_first() {
        let scrapes = ScrapeCount::default();
        let slots = ExemplarSlots::<2>::new(scrapes.clone());
        assert!(!fill(&slots, 0, "before"));
        scrapes.scraped();
        assert!(fill(&slots, 0, "first"));
        assert!(!fill(&slots, 0, "second"));
        assert!(fill(&slots, 1, "other"));
        scrapes.scraped();
        assert!(fill(&slots, 0, "later"));
        let ids = [0, 1].map(|bucket| slots.get(bucket).unwrap().request_id);
        assert_eq!(ids, ["later", "other"]);
    }

    #[test]
    fn a_request_without_an_id_of_ours_leaves_the_place_to_another() {
        let scrapes = ScrapeCount::default();
        let slots = ExemplarSlots::<2>::new(scrapes.clone());
        scrapes.scraped();
        slots.fill(0, Duration::ZERO, || None);
        assert!(fill(&slots, 0, "ours"));
        assert_eq!(slots.get(2), None);
    }
}
