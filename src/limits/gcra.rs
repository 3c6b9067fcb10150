//! The generic cell rate algorithm: a token bucket whose whole state is one moment.
//!
//! The state is the *theoretical arrival time*: when the bucket is full again. A request moves it
//! by one interval. It is refused while it lies further ahead than the burst allows. Times are
//! nanoseconds since a moment of the process's own, by a clock that never runs backwards.

use std::time::Duration;

/// A rate and a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gcra {
    /// Between two requests at the rate, in nanoseconds.
    interval: u64,
    /// Requests that a full bucket lets pass at once.
    burst: u32,
}

/// A request that the bucket lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// When the bucket is full again.
    pub(super) full_at: u64,
    /// Requests that would pass right now.
    pub(super) remaining: u32,
}

impl Gcra {
    /// `requests` in `period`, and `burst` at once. The interval is rounded down to a nanosecond:
    /// at the largest rate there is, a million a second, that is a thousandth at most.
    pub(super) fn new(requests: u32, period: Duration, burst: u32) -> Self {
        let interval = period.as_nanos() / u128::from(requests.max(1));
        Self { interval: u64::try_from(interval).unwrap_or(u64::MAX).max(1), burst: burst.max(1) }
    }

    /// One of so many equal parts of the rate and of the burst, at least one request each.
    pub(super) fn part(self, of: u32) -> Self {
        let of = of.max(1);
        let burst = self.burst.div_ceil(of);
        Self { interval: self.interval.saturating_mul(u64::from(of)), burst }
    }

    /// One request at `now`, from a bucket that is full at `full_at`.
    ///
    /// # Errors
    /// For how long the next request would be refused as well.
    pub(super) fn take(self, full_at: u64, now: u64) -> Result<Taken, u64> {
        let ahead = full_at.saturating_sub(now);
        let most = self.interval.saturating_mul(u64::from(self.burst - 1));
        if ahead > most {
            return Err(ahead - most);
        }
        let full_at = now.saturating_add(ahead).saturating_add(self.interval);
        Ok(Taken { full_at, remaining: self.remaining(full_at - now) })
    }

    /// The state of a bucket that another rule has emptied: it is empty, and no more than that. So
    /// decides the script of a shared rate as well (`shared::rate`).
    pub(super) fn bounded(self, full_at: u64, now: u64) -> u64 {
        full_at.min(now.saturating_add(self.refill()))
    }

    /// Tells this rule from others. Two that have the same one, of 2³², are taken for one.
    pub(super) fn fingerprint(self) -> u32 {
        // Odd numbers without a pattern, so that all bits of both count in the upper half.
        let interval = self.interval.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let burst = u64::from(self.burst).wrapping_mul(0xd6e8_feb8_6659_fd93);
        u32::try_from(interval.wrapping_add(burst) >> 32).unwrap_or_default()
    }

    /// The state without one request that it lets pass.
    pub(super) fn refund(self, full_at: u64) -> u64 {
        full_at.saturating_sub(self.interval)
    }

    /// What is left of the burst, where the bucket is full again after `ahead`.
    pub(super) fn remaining(self, ahead: u64) -> u32 {
        let whole = self.interval.saturating_mul(u64::from(self.burst));
        u32::try_from(whole.saturating_sub(ahead) / self.interval).unwrap_or(u32::MAX)
    }

    /// Nanoseconds between two requests at the rate.
    pub(super) fn interval(self) -> u64 {
        self.interval
    }

    /// Requests at once.
    pub(super) fn burst(self) -> u32 {
        self.burst
    }

    /// How long an empty bucket takes to be full, in nanoseconds.
    pub(super) fn refill(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A token bucket as textbooks have it, in floating point: filled with the time, emptied by
    /// requests.
    struct TokenBucket {
        tokens: f64,
        burst: f64,
        per_nanosecond: f64,
        at: u64,
    }

    impl TokenBucket {
        fn new(requests: u32, period: Duration, burst: u32) -> Self {
            let (burst, requests) = (f64::from(burst), f64::from(requests));
            Self { tokens: burst, burst, per_nanosecond: requests / nanos(period), at: 0 }
        }

        /// Whether a request passes; `None` where that hangs on the rounding.
        fn take(&mut self, now: u64, tolerance: f64) -> Option<bool> {
            let elapsed = nanos(Duration::from_nanos(now - self.at));
            self.at = now;
            self.tokens = (self.tokens + elapsed * self.per_nanosecond).min(self.burst);
            if (self.tokens - 1.0).abs() < tolerance {
                return None;
            }
            let passes = self.tokens >= 1.0;
            self.tokens -= if passes { 1.0 } else { 0.0 };
            Some(passes)
        }
    }

    fn nanos(span: Duration) -> f64 {
        span.as_secs_f64() * 1e9
    }

    fn period(unit: usize) -> Duration {
        Duration::from_secs([1, 60, 3600][unit])
    }

    proptest! {
        #[test]
        fn every_decision_is_that_of_a_token_bucket(
            requests in 1_u32..2_000,
            unit in 0_usize..3,
            burst in 1_u32..50,
            gaps in prop::collection::vec(0_u64..3_000, 1..300),
        ) {
            let period = period(unit);
            let rule = Gcra::new(requests, period, burst);
            let mut oracle = TokenBucket::new(requests, period, burst);
            let (mut full_at, mut now) = (0, 0);
            for gap in gaps {
                // In thousandths of the interval: bursts, the rate itself, and pauses.
                now += rule.interval().saturating_mul(gap) / 1_000;
                let taken = rule.take(full_at, now);
                match oracle.take(now, 1e-3) {
                    Some(passes) => prop_assert_eq!(taken.is_ok(), passes),
                    // The two may part here: the oracle follows.
                    None => oracle.tokens -= if taken.is_ok() { 1.0 } else { 0.0 },
                }
                full_at = taken.map_or(full_at, |taken| taken.full_at);
            }
        }

        /// Over a long time, with more requests than may pass, at steps that fit the interval or
        /// not.
        #[test]
        fn what_passes_is_within_a_hundredth_of_a_token_bucket(
            requests in 1_u32..=1_000_000,
            unit in 0_usize..3,
            burst in 1_u32..100,
            step in 50_u64..950,
        ) {
            let period = period(unit);
            let rule = Gcra::new(requests, period, burst);
            let mut oracle = TokenBucket::new(requests, period, burst);
            let (mut full_at, mut passed, mut expected) = (0, 0_u32, 0_u32);
            for attempt in 0..20_000 {
                let now = attempt * (rule.interval() * step / 1_000);
                if let Ok(taken) = rule.take(full_at, now) {
                    full_at = taken.full_at;
                    passed += 1;
                }
                expected += u32::from(oracle.take(now, 0.0).unwrap());
            }
            let error = (f64::from(passed) - f64::from(expected)).abs() / f64::from(expected);
            prop_assert!(error <= 0.01, "{passed} instead of {expected}");
        }

        #[test]
        fn what_is_told_of_the_wait_is_true(
            requests in 1_u32..1_000, burst in 1_u32..20, ahead in 0_u64..100 * SECOND,
        ) {
            let rule = Gcra::new(requests, Duration::from_secs(1), burst);
            if let Err(wait) = rule.take(ahead, 0) {
                prop_assert!(rule.take(ahead, wait - 1).is_err());
                prop_assert!(rule.take(ahead, wait).is_ok());
            }
        }
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_says_what_is_left() {
        let rule = Gcra::new(10, Duration::from_secs(1), 3);
        let (mut full_at, mut left) = (0, Vec::new());
        while let Ok(taken) = rule.take(full_at, SECOND) {
            full_at = taken.full_at;
            left.push(taken.remaining);
        }
        assert_eq!(left, [2, 1, 0]);
        assert_eq!(rule.take(full_at, SECOND), Err(SECOND / 10));
        assert!(rule.take(rule.refund(full_at), SECOND).is_ok());
    }

    #[test]
    fn a_time_before_the_last_one_gives_nothing_away() {
        let rule = Gcra::new(10, Duration::from_secs(1), 2);
        let first = rule.take(0, 5 * SECOND).unwrap();
        let second = rule.take(first.full_at, 5 * SECOND).unwrap();
        for earlier in [0, SECOND, 5 * SECOND - 1] {
            assert!(rule.take(second.full_at, earlier).is_err(), "{earlier}");
        }
    }

    #[test]
    fn a_part_is_a_part_of_both() {
        let whole = Gcra::new(100, Duration::from_secs(1), 5);
        assert_eq!(whole.part(1), whole);
        assert_eq!(whole.part(2), Gcra::new(50, Duration::from_secs(1), 3));
        assert_eq!(whole.part(100).burst(), 1);
    }

    #[test]
    fn the_least_rate_and_the_largest_burst_do_not_overflow() {
        let rule = Gcra::new(1, Duration::from_hours(1), 1_000_000);
        let taken = rule.take(rule.refill() - rule.interval(), 0).unwrap();
        assert_eq!(taken.remaining, 0);
        assert!(rule.take(taken.full_at, 0).is_err());
    }
}
