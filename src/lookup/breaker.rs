//! Circuit breaker: stops calling an endpoint after repeated failures.

use std::time::Duration;

use tokio::time::Instant;

use crate::bounded::Backoff;

/// Counts failures in a row. Open, it lets no request pass; half-open, one probe.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    /// When the probe of the half-open circuit was sent.
    probing: Option<Instant>,
}

/// Failures in a row that open the circuit. With fewer, a hiccup becomes an outage.
const TOLERATED: u32 = 5;
/// How long the circuit is open, after each probe that fails. Requests are refused meanwhile: the
/// longest is half a minute, and a quarter of each is random, so that proxies do not probe together.
const OPEN: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30), jitter: 0.25 };

/// A probe that never ends (its task has panicked) is given up then. One that is only slow gets a
/// second one beside it, which does no harm.
const LONGEST_PROBE: Duration = Duration::from_mins(1);

/// Whether a status is about the endpoint itself, not the key: it is overloaded, or its own
/// upstream does not respond (RFC 6585 §4, RFC 9110 §15.6.3 to §15.6.5). A client that chooses the
/// key can provoke any other status.
pub(crate) fn speaks_of_endpoint(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

impl Breaker {
    /// Whether a request may be sent now. Once the circuit has been open for its time, one may, and
    /// its outcome decides.
    pub(crate) fn lets_pass(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until || self.is_probing(now) => false,
            Some(_) => {
                self.probing = Some(now);
                true
            }
        }
    }

    fn is_probing(&self, now: Instant) -> bool {
        self.probing.is_some_and(|since| now < since + LONGEST_PROBE)
    }

    /// A response closes the circuit.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A failure that the key itself may cause: no evidence about the endpoint.
    pub(crate) fn undecided(&mut self) {
        self.probing = None;
    }

    /// A failure of the endpoint.
    pub(crate) fn failed(&mut self, now: Instant) {
        let was_open = self.open_until.is_some();
        if was_open && self.probing.is_none() {
            return; // sent before the circuit opened
        }
        self.probing = None;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TOLERATED {
            self.open_until = Some(now + OPEN.after(self.failures - TOLERATED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..TOLERATED {
            assert!(breaker.lets_pass(now));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn some_failures_are_tolerated_and_a_success_forgives_them() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..TOLERATED - 1 {
            breaker.failed(now);
        }
        breaker.succeeded();
        for _ in 0..TOLERATED - 1 {
            breaker.failed(now);
        }
        assert!(breaker.lets_pass(now));
    }

    #[test]
    fn half_open_lets_one_probe_pass_which_decides() {
        let now = Instant::now();
        let mut breaker = broken(now);
        assert!(!breaker.lets_pass(now + OPEN.first / 2));
        let later = now + OPEN.first;
        assert!(breaker.lets_pass(later));
        assert!(!breaker.lets_pass(later), "only one");
        breaker.failed(later);
        assert!(!breaker.lets_pass(later + OPEN.first), "open for longer");
        assert!(breaker.lets_pass(later + OPEN.first * 2));
        breaker.succeeded();
        assert!(breaker.lets_pass(later) && breaker.lets_pass(later));
    }

    #[test]
    fn a_probe_that_decides_nothing_leaves_the_next_one_to_try() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + OPEN.first;
        assert!(breaker.lets_pass(later));
        breaker.undecided();
        assert!(breaker.lets_pass(later), "another one tries");
        assert!(!breaker.lets_pass(later), "still open");
    }

    #[test]
    fn a_probe_that_never_ends_is_given_up() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + OPEN.first;
        assert!(breaker.lets_pass(later));
        assert!(!breaker.lets_pass(later + LONGEST_PROBE / 2));
        assert!(breaker.lets_pass(later + LONGEST_PROBE));
    }

    #[test]
    fn the_time_open_is_bounded_and_late_failures_do_not_prolong_it() {
        let mut now = Instant::now();
        let mut breaker = broken(now);
        breaker.failed(now);
        now += OPEN.first;
        for _ in 0..100 {
            assert!(breaker.lets_pass(now), "after at most {OPEN:?}");
            breaker.failed(now);
            now += OPEN.longest;
        }
    }
}
