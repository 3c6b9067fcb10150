//! The last requests that did not pass.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

use super::DeniedRequest;
use crate::reason::Reason;

/// The last requests that were refused, or that their upstream did not answer. One for all workers,
/// and for all configurations of a process: its lock is held for the move of a pointer.
#[derive(Debug, Default)]
pub struct RecentDenials {
    capacity: AtomicUsize,
    kept: Mutex<KeptDenials>,
}

/// By reason, so that a flood of one does not displace the others: anyone can have requests refused.
#[derive(Debug, Default)]
struct KeptDenials {
    by_reason: BTreeMap<Reason, VecDeque<Numbered>>,
    count: usize,
    next: u64,
}

/// A request with its place in the order of their ends.
type Numbered = (u64, Arc<DeniedRequest>);

impl RecentDenials {
    /// Keeps so many from now on; 0: none.
    pub fn resize(&self, capacity: usize) {
        self.capacity.store(capacity, Relaxed);
        let displaced: Vec<_> = {
            let mut kept = self.kept.lock();
            let too_many = kept.count.saturating_sub(capacity);
            (0..too_many).map_while(|_| kept.displace()).collect()
        };
        drop(displaced);
    }

    /// How many are kept at most.
    pub fn capacity(&self) -> usize {
        self.capacity.load(Relaxed)
    }

    /// Whether any is kept.
    pub(super) fn is_on(&self) -> bool {
        self.capacity() > 0
    }

    /// Keeps a request that has ended.
    pub(super) fn push(&self, denied: DeniedRequest) {
        let (reason, denied) = (denied.reason(), Arc::new(denied));
        let capacity = self.capacity();
        let displaced = {
            let mut kept = self.kept.lock();
            let displaced = if kept.count < capacity { None } else { kept.displace() };
            if kept.count < capacity {
                kept.add(reason, denied);
            }
            displaced
        };
        // Its memory is freed without the lock.
        drop(displaced);
    }

    /// Those that are kept, the newest first.
    pub fn newest_first(&self) -> Vec<Arc<DeniedRequest>> {
        let mut all: Vec<Numbered> = {
            let kept = self.kept.lock();
            kept.by_reason.values().flatten().cloned().collect()
        };
        all.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        all.into_iter().map(|(_, denied)| denied).collect()
    }
}

impl KeptDenials {
    fn add(&mut self, reason: Reason, denied: Arc<DeniedRequest>) {
        self.by_reason.entry(reason).or_default().push_back((self.next, denied));
        self.next += 1;
        self.count += 1;
    }

    /// Takes the oldest of the reason that has most.
    fn displace(&mut self) -> Option<Numbered> {
        let longest = self.by_reason.values_mut().max_by_key(|of_reason| of_reason.len())?;
        let displaced = longest.pop_front()?;
        self.count -= 1;
        Some(displaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{line::FieldValue, settings::AccessField};

    fn denied(reason: Reason, number: u64) -> DeniedRequest {
        DeniedRequest::new(reason, vec![(AccessField::Attempts, FieldValue::Number(number))])
    }

    fn numbers(recent: &RecentDenials) -> Vec<String> {
        let attempts = |it: &Arc<DeniedRequest>| it.fact(AccessField::Attempts).unwrap().into();
        recent.newest_first().iter().map(attempts).collect()
    }

    #[test]
    fn the_last_are_kept_the_newest_first() {
        let recent = RecentDenials::default();
        recent.push(denied(Reason::TokenExpired, 0));
        assert!(numbers(&recent).is_empty() && !recent.is_on(), "none unless it is wanted");
        recent.resize(3);
        (1..=5).for_each(|number| recent.push(denied(Reason::TokenExpired, number)));
        assert_eq!(numbers(&recent), ["5", "4", "3"]);
        recent.resize(1);
        assert_eq!(numbers(&recent), ["5"]);
    }

    #[test]
    fn o10_a_flood_of_one_reason_displaces_no_other_and_nothing_grows() {
        let recent = RecentDenials::default();
        recent.resize(100);
        recent.push(denied(Reason::AudienceMismatch, 1));
        recent.push(denied(Reason::KidUnknown, 2));
        (3..10_000).for_each(|number| recent.push(denied(Reason::CredentialMissing, number)));
        let numbers = numbers(&recent);
        assert_eq!(numbers.len(), 100);
        assert_eq!((&*numbers[0], &*numbers[98], &*numbers[99]), ("9999", "2", "1"));
        let places: usize = recent.kept.lock().by_reason.values().map(VecDeque::capacity).sum();
        assert!(places < 300, "{places}");
    }

    #[test]
    fn workers_push_at_the_same_time() {
        let recent = RecentDenials::default();
        recent.resize(50);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let recent = &recent;
                scope.spawn(move || {
                    (0..1_000).for_each(|number| {
                        recent.push(denied(Reason::TokenExpired, worker * 1_000 + number));
                    });
                });
            }
        });
        assert_eq!(numbers(&recent).len(), 50);
    }
}
