//! How long a connection is used: its address is what the upstream's name meant when it was opened.

use std::time::Duration;

use tokio::time::Instant;

use crate::bounded::backoff::random_fraction;

/// After that long another connection takes its place, for which the name is looked up again.
const MAX_AGE: Duration = Duration::from_mins(5);

/// So much of the age is random: the workers' connections are not renewed all at once.
const JITTER: f64 = 0.2;

/// When a connection that is opened now is to be replaced.
pub(super) fn renewal(opened: Instant) -> Instant {
    opened + MAX_AGE.mul_f64(1.0 - JITTER * random_fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_opened_together_are_not_renewed_together() {
        let opened = Instant::now();
        let renewals: Vec<_> = (0..100).map(|_| renewal(opened)).collect();
        let (first, last) = (renewals.iter().min().unwrap(), renewals.iter().max().unwrap());
        assert!(*first >= opened + Duration::from_mins(4));
        assert!(*last <= opened + Duration::from_mins(5));
        assert!(*last - *first > Duration::from_secs(5));
    }
}
