//! How long to wait after failures in a row.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

/// The waits after failures in a row: each is twice the one before, up to a longest one. A random
/// part is subtracted from each, so that replicas which fail together do not retry together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The wait after the first failure.
    pub(crate) first: Duration,
    /// The longest wait: how late the end of an outage may be noticed.
    pub(crate) longest: Duration,
    /// The share of a wait that is random, from 0 to 1.
    pub(crate) jitter: f64,
}

impl Backoff {
    /// The wait after a failure with `earlier` ones before it.
    pub(crate) fn after(&self, earlier: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(earlier));
        doubled.min(self.longest).mul_f64(1.0 - self.jitter * random_fraction())
    }
}

/// A number from 0 to 1, out of the hasher that the standard library seeds each time. It spreads
/// load; nothing secret depends on it.
pub(crate) fn random_fraction() -> f64 {
    f64::from(u32::try_from(random_seed() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// 64 bits from the same source.
pub(crate) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(10),
        jitter: 0.5,
    };

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        for (earlier, most) in [(0, 0.1), (1, 0.2), (6, 6.4), (7, 10.0), (u32::MAX, 10.0)] {
            let waits: Vec<_> = (0..1_000).map(|_| BACKOFF.after(earlier).as_secs_f64()).collect();
            assert!(waits.iter().all(|wait| (most / 2.0..=most).contains(wait)), "{earlier}");
            let spread = waits.iter().fold(0.0_f64, |most, wait| most.max(*wait))
                - waits.iter().fold(f64::MAX, |least, wait| least.min(*wait));
            assert!(spread > most * 0.3, "{earlier}: {spread}");
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_out_of_bounds(
            earlier in any::<u32>(),
            first in 1_u64..1_000,
            longest in 1_u64..100_000,
            jitter in 0.0..=1.0_f64,
        ) {
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
            let wait = Backoff { first, longest, jitter }.after(earlier);
            prop_assert!(wait <= longest);
            let least = first.min(longest).mul_f64(1.0 - jitter);
            prop_assert!(wait + Duration::from_nanos(1) >= least);
        }
    }
}
