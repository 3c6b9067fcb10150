//! How many requests may be sent a second time (threats U-5).

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

/// What a request adds to is counted in thousandths of a retry.
const ONE: u64 = 1000;

/// As many retries can be saved up: an endpoint that dies may take that many requests in flight
/// with it. More would be an outage, which retries only make worse.
const MAX_SAVED: u64 = 100 * ONE;

/// So often one is allowed in any case: where requests are few, none would have saved up for the
/// first that fails.
const FLOOR_INTERVAL: Duration = Duration::from_secs(1);

/// The retries of one worker to one upstream: a part of its requests, and one a second.
#[derive(Debug)]
pub(in crate::upstream) struct RetryBudget {
    /// What each request adds.
    share: u64,
    saved: Cell<u64>,
    /// When the last one was allowed without having been saved.
    last_free: Cell<Option<Instant>>,
}

impl RetryBudget {
    /// Retries as a part of all requests, from 0 to 1. 0: none at all.
    pub(in crate::upstream) fn new(share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 1000"
        )]
        let share = (share.clamp(0.0, 1.0) * 1000.0).round() as u64;
        Self { share, saved: Cell::new(0), last_free: Cell::new(None) }
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
        if let Some(left) = self.saved.get().checked_sub(ONE) {
            self.saved.set(left);
            return true;
        }
        let is_due = |last: Instant| now.duration_since(last) >= FLOOR_INTERVAL;
        let is_free = self.last_free.get().is_none_or(is_due);
        if is_free {
            self.last_free.set(Some(now));
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn u5_the_first_failure_of_a_quiet_upstream_may_be_sent_again_and_one_each_second() {
        let budget = RetryBudget::new(0.2);
        let now = Instant::now();
        budget.saw_request();
        assert!(budget.allows(now));
        budget.saw_request();
        assert!(!budget.allows(now + Duration::from_millis(999)));
        assert!(budget.allows(now + Duration::from_secs(1)));
    }

    #[test]
    fn u5_a_budget_of_nothing_allows_nothing() {
        let budget = RetryBudget::new(0.0);
        (0..1000).for_each(|_| budget.saw_request());
        assert!(!budget.allows(Instant::now()));
    }

    proptest! {
        /// Whatever the order of requests and failures, retries stay a part of the requests.
        #[test]
        fn u5_retries_are_bounded_by_the_requests(
            steps in prop::collection::vec((any::<bool>(), 0_u64..50), 1..2000),
            share in 1_u32..=1000,
        ) {
            let share = f64::from(share) / 1000.0;
            let budget = RetryBudget::new(share);
            let began = Instant::now();
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
            let floor = 1.0 + (now - began).as_secs_f64();
            prop_assert!(retries <= requests * share + floor + 0.001, "{} {}", retries, requests);
        }
    }
}
