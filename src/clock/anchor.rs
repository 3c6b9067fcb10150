//! How old a value is although the wall clock is set back: its age by the monotonic clock.

use std::sync::LazyLock;

use tokio::time::Instant;

use super::UnixTime;

/// A moment by both clocks, in 8 bytes: what is cached counts from there.
///
/// The wall clock alone would keep a value by as much longer as it is set back. The monotonic clock
/// alone would keep it over the time that a machine was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockAnchor {
    /// By how much the wall clock was ahead of the monotonic one, in milliseconds.
    ahead: i64,
}

/// A moment that has come once either clock says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    at: UnixTime,
    anchor: ClockAnchor,
}

/// Where the monotonic clock is counted from: any moment serves.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

const MILLIS: i64 = 1000;
const NANOS_PER_MILLI: i64 = 1_000_000;

impl ClockAnchor {
    /// The present moment; `now` is what the wall clock shows.
    pub(crate) fn at(now: UnixTime) -> Self {
        Self { ahead: now.0.saturating_mul(MILLIS).saturating_sub(monotonic_millis()) }
    }

    /// The later of `now` and what the wall clock would show, if it had not been set since.
    pub(crate) fn latest(self, now: UnixTime) -> UnixTime {
        let unset = self.ahead.saturating_add(monotonic_millis()).div_euclid(MILLIS);
        now.max(UnixTime(unset))
    }

    /// For an atomic.
    pub(crate) fn to_bits(self) -> i64 {
        self.ahead
    }

    /// Out of an atomic.
    pub(crate) fn from_bits(ahead: i64) -> Self {
        Self { ahead }
    }
}

impl Expiry {
    /// At a time of the wall clock that was set when `anchor` was made.
    pub(crate) fn new(at: UnixTime, anchor: ClockAnchor) -> Self {
        Self { at, anchor }
    }

    /// Whether it has come; `now` is what the wall clock shows.
    pub(crate) fn has_come(self, now: UnixTime) -> bool {
        self.anchor.latest(now) >= self.at
    }
}

/// Since [`ORIGIN`]. Negative before it: with paused time, a test has a clock of its own.
fn monotonic_millis() -> i64 {
    let (origin, now) = (*ORIGIN, Instant::now());
    let nanos = |later: Instant, earlier| {
        let since = later.saturating_duration_since(earlier);
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    };
    (nanos(now, origin) - nanos(origin, now)).div_euclid(NANOS_PER_MILLI)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_later_of_both_clocks_counts() {
        let anchor = ClockAnchor::at(UnixTime(1_000));
        let expiry = Expiry::new(UnixTime(1_010), anchor);
        assert_eq!(anchor.latest(UnixTime(1_000)), UnixTime(1_000));
        assert_eq!(anchor.latest(UnixTime(1_009)), UnixTime(1_009), "set forward");
        assert!(!expiry.has_come(UnixTime(1_009)) && expiry.has_come(UnixTime(1_010)));
        advance(Duration::from_millis(9_999)).await;
        assert_eq!(anchor.latest(UnixTime(-5_000)), UnixTime(1_009), "set back");
        assert!(!expiry.has_come(UnixTime(-5_000)));
        advance(Duration::from_millis(1)).await;
        assert!(expiry.has_come(UnixTime(-5_000)));
    }

    #[test]
    fn the_ends_of_time_are_no_overflow() {
        for end in [i64::MIN, i64::MAX] {
            let anchor = ClockAnchor::at(UnixTime(end));
            assert!(anchor.latest(UnixTime(0)) >= UnixTime(0));
            assert_eq!(ClockAnchor::from_bits(anchor.to_bits()), anchor);
        }
    }
}
