//! When to read the list again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use crate::config::ListSettings;

/// The waits between readings.
#[derive(Debug)]
pub(super) struct Pace {
    refresh: Duration,
    longest: Duration,
    failures: u32,
}

/// The first wait after a failure; each further failure doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait between attempts at a failing source: how late its return may be noticed.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// A source that sends `Retry-After` is left alone for that time, but not longer: whoever can
/// answer in its place must not be able to switch it off.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// The spread of the waits, ±10 %: replicas that start together drift apart.
const JITTER: f64 = 0.1;

impl Pace {
    pub(super) fn new(settings: &ListSettings) -> Self {
        // Otherwise the list of a healthy source could go stale between two readings.
        let longest = settings.max_stale / 2;
        Self { refresh: settings.refresh, longest, failures: 0 }
    }

    pub(super) fn after_success(&mut self) -> Duration {
        self.failures = 0;
        self.refresh.min(self.longest).mul_f64(1.0 - JITTER + 2.0 * JITTER * random())
    }

    /// Between the half and the whole of a time that doubles; more if the source asks for it.
    pub(super) fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let backoff = doubled.min(LONGEST_BACKOFF).mul_f64(0.5 + 0.5 * random());
        backoff.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

/// A number from 0 to 1, out of the hasher that the standard library seeds anew each time. It
/// spreads load; nothing secret depends on it.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
