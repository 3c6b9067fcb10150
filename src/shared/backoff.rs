//! When to connect again.

use std::time::Duration;

use crate::fetch::jitter;

/// The waits between connections.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

/// The first wait; each further one in a row doubles it. A server that restarts is back in less.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait: how late a server's return may be noticed.
const LONGEST: Duration = Duration::from_secs(10);

/// A connection that held for as long was good, and the next wait is the first again. One that
/// breaks sooner each time must not be made ten times a second.
const GOOD: Duration = Duration::from_secs(10);

impl Backoff {
    /// After a connection that held for that time; zero if there was none. The wait is between
    /// the half and the whole of a time that doubles, so that replicas do not come back all at
    /// once.
    pub(super) fn after(&mut self, held: Duration) -> Duration {
        if held >= GOOD {
            self.failures = 0;
        }
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(LONGEST).mul_f64(0.5 + 0.5 * jitter::fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_ten_and_vary() {
        for (failures, most) in [(0, 0.1), (1, 0.2), (6, 6.4), (7, 10.0), (4_000_000_000, 10.0)] {
            let waits = (0..1_000)
                .map(|_| Backoff { failures }.after(Duration::ZERO).as_secs_f64())
                .collect::<Vec<_>>();
            assert!(waits.iter().all(|wait| (most / 2.0..=most).contains(wait)), "{failures}");
            let spread = waits.iter().fold(0.0_f64, |most, wait| most.max(*wait))
                - waits.iter().fold(f64::MAX, |least, wait| least.min(*wait));
            assert!(spread > most * 0.3, "{failures}: {spread}");
        }
    }

    #[test]
    fn only_a_connection_that_held_ends_the_backoff() {
        let mut backoff = Backoff { failures: 7 };
        assert!(backoff.after(GOOD / 2) > FIRST);
        assert!(backoff.after(GOOD) <= FIRST);
    }
}
