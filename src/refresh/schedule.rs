//! When a source is read again.

use std::time::Duration;

use crate::bounded::backoff::{Backoff, random_fraction};

/// The waits between attempts.
#[derive(Debug)]
pub(crate) struct Schedule {
    refresh: Duration,
    longest: Duration,
    jitter: f64,
    backoff: Backoff,
    failures: u32,
}

/// A source's own `max-age` is kept within these bounds: below, it would be load; above, a
/// removed key would live on for too long.
const MAX_AGE_BOUNDS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

/// Between attempts at a failing source. Half of each wait is random: replicas that lost the source
/// together do not meet it again together.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1), jitter: 0.5 };

/// A source that sends `Retry-After` is not called for that time, but not longer: a peer that can
/// answer in its place must not be able to switch it off.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The longest time between two refreshes, whatever is configured.
const LONGEST_INTERVAL: Duration = Duration::from_hours(30 * 24);

/// The spread of refreshes, ±10 %: replicas that start together drift apart.
const JITTER: f64 = 0.1;

impl Schedule {
    /// Every `refresh`, and often enough that nothing of a healthy source outlives `max_stale`
    /// between two refreshes.
    pub(crate) fn new(refresh: Duration, max_stale: Duration) -> Self {
        let longest = (max_stale / 2).min(LONGEST_INTERVAL);
        Self { refresh, longest, jitter: JITTER, backoff: BACKOFF, failures: 0 }
    }

    /// Every `interval`, after failures as well: reading a local file loads no other system.
    pub(crate) fn every(interval: Duration) -> Self {
        let backoff = Backoff { first: interval, longest: interval, jitter: 0.0 };
        Self { refresh: interval, longest: interval, jitter: 0.0, backoff, failures: 0 }
    }

    /// `max_age` is the source's own, if it has one.
    pub(crate) fn after_success(&mut self, max_age: Option<Duration>) -> Duration {
        self.failures = 0;
        let (least, most) = MAX_AGE_BOUNDS;
        let interval = max_age.map_or(self.refresh, |age| age.clamp(least, most));
        let spread = 1.0 - self.jitter + 2.0 * self.jitter * random_fraction();
        interval.min(self.longest).mul_f64(spread)
    }

    /// A doubling backoff; at least the source's `Retry-After`.
    pub(crate) fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        let backoff = self.backoff.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        let requested = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        backoff.max(requested.mul_f64(1.0 + self.jitter * random_fraction()))
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(refresh: u64, max_stale: u64) -> Schedule {
        Schedule::new(Duration::from_secs(refresh), Duration::from_secs(max_stale))
    }

    /// The bounds of many waits, in seconds.
    fn spread(mut wait: impl FnMut() -> Duration) -> (f64, f64) {
        let waits = (0..1_000).map(|_| wait().as_secs_f64());
        waits.fold((f64::MAX, f64::MIN), |(least, most), wait| (least.min(wait), most.max(wait)))
    }

    fn within((least, most): (f64, f64), from: f64, to: f64) -> bool {
        // Wider than 3/4 of the allowed span in a thousand tries: it does vary.
        from <= least && most <= to && most - least > 0.75 * (to - from)
    }

    #[test]
    fn d11_refreshes_are_spread_around_their_interval() {
        let mut schedule = schedule(600, 86_400);
        assert!(within(spread(|| schedule.after_success(None)), 540.0, 660.0));
    }

    #[test]
    fn the_sources_own_max_age_counts_within_bounds() {
        let mut schedule = schedule(600, 86_400);
        let mut waits = |age| spread(|| schedule.after_success(Some(Duration::from_secs(age))));
        assert!(within(waits(0), 54.0, 66.0));
        assert!(within(waits(300), 270.0, 330.0));
        assert!(within(waits(31_536_000), 3_240.0, 3_960.0));
    }

    #[test]
    fn healthy_keys_never_go_stale_between_two_refreshes() {
        let mut schedule = schedule(600, 30);
        let (_, most) = spread(|| schedule.after_success(Some(Duration::from_hours(1))));
        assert!(most <= 16.5);
    }

    #[test]
    fn k3_failures_back_off_from_one_second_to_a_minute() {
        for (failures, most) in [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (4_000_000_000, 60.0)] {
            let waits = spread(|| {
                let mut schedule = schedule(600, 86_400);
                schedule.failures = failures;
                schedule.after_failure(None)
            });
            assert!(within(waits, most / 2.0, most), "after {failures}: {waits:?}");
        }
    }

    #[test]
    fn k3_retry_after_is_honoured_within_bounds() {
        let waits = |seconds| {
            spread(|| schedule(600, 86_400).after_failure(Some(Duration::from_secs(seconds))))
        };
        assert!(within(waits(120), 120.0, 132.0));
        assert!(within(waits(u64::from(u32::MAX)), 300.0, 330.0));
        assert!(within(waits(0), 0.5, 1.0));
    }

    #[test]
    fn a_success_ends_the_backoff() {
        let mut schedule = schedule(600, 86_400);
        for _ in 0..10 {
            schedule.after_failure(None);
        }
        assert!(schedule.is_failing());
        schedule.after_success(None);
        assert!(!schedule.is_failing());
        assert!(schedule.after_failure(None) <= BACKOFF.first);
    }

    #[test]
    fn a_fixed_interval_is_neither_spread_nor_changed_by_failures() {
        let mut schedule = Schedule::every(Duration::from_mins(1));
        for _ in 0..10 {
            assert_eq!(schedule.after_success(None), Duration::from_mins(1));
            assert_eq!(schedule.after_failure(None), Duration::from_mins(1));
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_out_of_bounds(failures in any::<u32>(), seconds in any::<u64>()) {
            let mut schedule = schedule(600, 86_400);
            schedule.failures = failures;
            let wait = schedule.after_failure(Some(Duration::from_secs(seconds)));
            prop_assert!(wait >= BACKOFF.first / 2);
            prop_assert!(wait <= LONGEST_RETRY_AFTER.mul_f64(1.0 + JITTER));
        }
    }
}
