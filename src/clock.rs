//! Time as a dependency: every rule that depends on the wall clock asks a [`Clock`], so that any
//! token, however old, can be judged at its own moment.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Seconds since 1970-01-01T00:00:00Z (RFC 7519 `NumericDate` without its fraction).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The year 2500. A date that is farther from 1970 is malformed wherever somebody else writes
    /// it: one in milliseconds, or the largest integer of some language, would be good for ages.
    /// Published tokens that are valid for two centuries stay within (threats C-15).
    pub const FARTHEST: Self = Self(16_725_225_600);

    /// The moment, if it is not beyond [`UnixTime::FARTHEST`] on either side of 1970.
    pub fn plausible(seconds: i64) -> Option<Self> {
        (-Self::FARTHEST.0..=Self::FARTHEST.0).contains(&seconds).then_some(Self(seconds))
    }
}

/// A span in whole seconds, to be added to a [`UnixTime`]; at most [`i64::MAX`].
pub(crate) fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// Where the wall-clock time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> UnixTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(seconds(since_epoch))
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: UnixTime) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets the clock.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock by that many seconds, backwards if negative.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}
