//! How many requests may be sent a second time (threats U-5).

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

/// What a request adds to is counted in thousandths of a retry.
const ONE: u64 = 1000;

/// As many retries can be saved up: an endpoint that dies may take that many requests in flight
/// with it. More would be an outage, which retries only make worse.
const MAX_SAVED: u64 = 100 * ONE;

/// So many are allowed from the start, and again one each second: where requests are few, none
/// would have saved up for the first that fail. They are enough to eject an endpoint.
const RESERVE: u64 = 10 * ONE;

/// The retries of one worker to one upstream: a part of its requests, and the reserve.
#[derive(Debug)]
pub(in crate::upstream) struct RetryBudget {
    /// What each request adds.
    share: u64,
    saved: Cell<u64>,
    /// When the reserve was last refilled.
    refilled: Cell<Instant>,
}

impl RetryBudget {
    /// Retries as a part of all requests, from 0 to 1. 0: none at all.
    pub(in crate::upstream) fn new(share: f64, now: Instant) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 1000"
        )]
        let share = (share.clamp(0.0, 1.0) * 1000.0).round() as u64;
        Self { share, saved: Cell::new(RESERVE), refilled: Cell::new(now) }
    }

    /// A request is sent for the first time.
    pub(in crate::upstream) fn saw_request(&self) {
        self.saved.set((self.saved.get() + self.share).min(MAX_SAVED));
    }

    /// Whether a request may be sent again. If so, that is counted.
    pub(in crate::upstream) fn allows(&self, now: Instant) -> bool {
        if self.share == 0 {
            return false;
        }
        self.refill(now);
        let left = self.saved.get().checked_sub(ONE);
        left.is_some_and(|left| {
            self.saved.set(left);
            true
        })
    }

    /// One each second is a thousandth each millisecond.
    fn refill(&self, now: Instant) {
        let passed = now.duration_since(self.refilled.get()).as_millis();
        let passed = u64::try_from(passed).unwrap_or(RESERVE);
        self.refilled.set(self.refilled.get() + Duration::from_millis(passed));
        let saved = self.saved.get();
        if saved < RESERVE {
            self.saved.set(saved.saturating_add(passed).min(RESERVE));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn u5_the_first_failures_of_a_quiet_upstream_may_be_sent_again_and_one_each_second() {
        let now = Instant::now();
        let budget = RetryBudget::new(0.2, now);
        assert_eq!((0..20).filter(|_| budget.allows(now)).count(), 10);
        assert!(!budget.allows(now + Duration::from_millis(999)));
        assert!(budget.allows(now + Duration::from_secs(1)));
        let later = now + Duration::from_hours(1);
        assert_eq!((0..20).filter(|_| budget.allows(later)).count(), 10);
    }

    #[test]
    fn u5_what_many_requests_save_up_is_bounded() {
        let now = Instant::now();
        let budget = RetryBudget::new(0.2, now);
        (0..10_000).for_each(|_| budget.saw_request());
        assert_eq!((0..1_000).filter(|_| budget.allows(now)).count(), 100);
    }

    #[test]
    fn u5_a_budget_of_nothing_allows_nothing() {
        let now = Instant::now();
        let budget = RetryBudget::new(0.0, now);
        (0..1000).for_each(|_| budget.saw_request());
        assert!(!budget.allows(now));
    }

    proptest! {
        /// Whatever the order of requests and failures, retries stay a part of the requests.
        #[test]
        fn u5_retries_are_bounded_by_the_requests(
            steps in prop::collection::vec((any::<bool>(), 0_u64..50), 1..2000),
            share in 1_u32..=1000,
        ) {
            let share = f64::from(share) / 1000.0;
            let began = Instant::now();
            let budget = RetryBudget::new(share, began);
            let (mut now, mut requests, mut retries) = (began, 0.0, 0.0);
            for (is_request, wait) in steps {
                now += Duration::from_millis(wait);
                if is_request {
                    budget.saw_request();
                    requests += 1.0;
                } else if budget.allows(now) {
                    retries += 1.0;
                }
            }
            let floor = 10.0 + (now - began).as_secs_f64();
            prop_assert!(retries <= requests * share + floor + 0.001, "{} {}", retries, requests);
        }
    }
}
