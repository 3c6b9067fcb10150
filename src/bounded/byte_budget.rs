//! What all bodies that are held together may take.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus::IntGauge;

/// Bytes that are left for bodies, for all workers.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    left: AtomicU64,
    held: Option<IntGauge>,
}

/// The reserved bytes of one body; released when dropped, so it must live as long as the last
/// reader of the body.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

/// Reserved at once when a body outgrows what it has, so that the counter that
/// all workers share is not touched with every packet.
const STEP: u64 = 64 * 1024;

impl ByteBudget {
    /// So many bytes; `held` shows how many of them are reserved, where that is shown.
    pub(crate) fn new(bytes: u64, held: Option<IntGauge>) -> Arc<Self> {
        Arc::new(Self { left: AtomicU64::new(bytes), held })
    }

    /// The bytes not reserved.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| left.checked_sub(bytes);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if taken {
            self.held.iter().for_each(|held| held.add(shown(bytes)));
        }
        taken
    }
}

impl Reservation {
    /// Nothing yet.
    pub(crate) fn none(budget: &Arc<ByteBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Whether a body of this length has a chance to find room. Only its beginning is reserved:
    /// who announces much and sends little takes no room from the others.
    pub(crate) fn begin(&mut self, announced: u64) -> bool {
        self.budget.left() >= announced && self.grow_to(announced.min(STEP))
    }

    /// Whether there is room for so many bytes in all. If not, what there was stays.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let missing = bytes.saturating_sub(self.bytes);
        if missing == 0 {
            return true;
        }
        let wanted = if self.bytes == 0 { missing } else { missing.max(STEP) };
        // Near the end of the budget, what is left can still be reserved.
        for more in [wanted, missing] {
            if self.budget.take(more) {
                self.bytes += more;
                return true;
            }
        }
        false
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
        self.budget.held.iter().for_each(|held| held.sub(shown(self.bytes)));
    }
}

fn shown(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(bytes: u64) -> Arc<ByteBudget> {
        ByteBudget::new(bytes, Some(IntGauge::new("held", "Bytes").unwrap()))
    }

    #[test]
    fn d5_all_bodies_together_take_no_more_than_the_budget() {
        let budget = budget(100);
        let (mut first, mut second) = (Reservation::none(&budget), Reservation::none(&budget));
        assert!(first.grow_to(60) && second.grow_to(40));
        assert!(!first.grow_to(61) && !second.grow_to(41));
        drop(second);
        assert!(first.grow_to(100));
        drop(first);
        assert_eq!((budget.left(), budget.held.as_ref().unwrap().get()), (100, 0));
    }

    #[test]
    fn d5_a_body_that_is_only_announced_takes_one_step() {
        let budget = budget(10 * STEP);
        let mut announced: Vec<_> = (0..5).map(|_| Reservation::none(&budget)).collect();
        assert!(announced.iter_mut().all(|body| body.begin(5 * STEP)));
        assert_eq!(budget.left(), 5 * STEP);
        let mut another = Reservation::none(&budget);
        assert!(!another.begin(6 * STEP), "it has no chance");
        assert!(another.begin(10));
        assert_eq!(budget.left(), 5 * STEP - 10);
    }

    #[test]
    fn a_body_of_unknown_length_reserves_in_steps() {
        let budget = budget(10 * STEP);
        let mut body = Reservation::none(&budget);
        assert!(body.grow_to(1) && body.grow_to(2));
        assert_eq!(budget.left(), 9 * STEP - 1);
        assert!(body.grow_to(STEP));
        assert_eq!(budget.left(), 9 * STEP - 1);
    }
}
