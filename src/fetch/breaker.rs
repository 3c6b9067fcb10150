//! Circuit breaker: stops calling an endpoint after repeated failures.

use std::time::Duration;

use tokio::time::Instant;

use crate::bounded::Backoff;

/// Counts failures in a row, and says when to stop asking and when to try again.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    rests_until: Option<Instant>,
    /// Since when the one question that tries again is under way.
    probing: Option<Instant>,
}

/// Failures in a row before the endpoint is left alone. Fewer, and a hiccup becomes an outage.
const TOLERATED: u32 = 5;
/// The rests. Requests are rejected meanwhile, so that little of a rest is random, and the longest
/// is half a minute.
const RESTS: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30), jitter: 0.25 };

/// A question that never comes back (its task has panicked) is not waited for any longer. One that
/// is only slow has another one beside it then, which does no harm.
const LONGEST_PROBE: Duration = Duration::from_mins(1);

/// Whether a status speaks of the endpoint, whatever it was asked: it has too much to do, or what
/// stands behind it does not answer (RFC 6585 §4, RFC 9110 §15.6.3 to §15.6.5). Any other one can
/// be provoked with a question of the asker's choice.
pub(crate) fn speaks_of_endpoint(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

impl Breaker {
    /// Whether a question may be put now. After a rest, one may; the others wait for its outcome.
    pub(crate) fn lets_pass(&mut self, now: Instant) -> bool {
        match self.rests_until {
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

    /// An answer that counts.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A failure that may be the question's own fault: it says nothing about the endpoint.
    pub(crate) fn undecided(&mut self) {
        self.probing = None;
    }

    /// No answer, or none that counts.
    pub(crate) fn failed(&mut self, now: Instant) {
        let was_resting = self.rests_until.is_some();
        if was_resting && self.probing.is_none() {
            return; // a question from before the rest
        }
        self.probing = None;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TOLERATED {
            self.rests_until = Some(now + RESTS.after(self.failures - TOLERATED));
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
    fn after_a_rest_one_question_tries_and_decides() {
        let now = Instant::now();
        let mut breaker = broken(now);
        assert!(!breaker.lets_pass(now + RESTS.first / 2));
        let later = now + RESTS.first;
        assert!(breaker.lets_pass(later));
        assert!(!breaker.lets_pass(later), "only one");
        breaker.failed(later);
        assert!(!breaker.lets_pass(later + RESTS.first), "the next rest is longer");
        assert!(breaker.lets_pass(later + RESTS.first * 2));
        breaker.succeeded();
        assert!(breaker.lets_pass(later) && breaker.lets_pass(later));
    }

    #[test]
    fn a_question_that_decides_nothing_leaves_the_next_one_to_try() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + RESTS.first;
        assert!(breaker.lets_pass(later));
        breaker.undecided();
        assert!(breaker.lets_pass(later), "another one tries");
        assert!(!breaker.lets_pass(later), "it still rests");
    }

    #[test]
    fn a_question_that_never_comes_back_is_not_waited_for_for_ever() {
        let now = Instant::now();
        let mut breaker = broken(now);
        let later = now + RESTS.first;
        assert!(breaker.lets_pass(later));
        assert!(!breaker.lets_pass(later + LONGEST_PROBE / 2));
        assert!(breaker.lets_pass(later + LONGEST_PROBE));
    }

    #[test]
    fn rests_are_bounded_and_late_failures_do_not_prolong_them() {
        let mut now = Instant::now();
        let mut breaker = broken(now);
        breaker.failed(now);
        now += RESTS.first;
        for _ in 0..100 {
            assert!(breaker.lets_pass(now), "after at most {RESTS:?}");
            breaker.failed(now);
            now += RESTS.longest;
        }
    }
}
