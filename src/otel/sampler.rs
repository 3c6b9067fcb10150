//! Draws which requests are sampled.

use std::cell::Cell;

/// Samples a share of a worker's requests, each as likely as any other.
///
/// It draws how many are left out before the next one. To draw for each request would be a tenth of
/// what tracing one in a hundred costs.
#[derive(Debug, Default)]
pub struct Sampler {
    /// `None`: not drawn yet.
    left_out: Cell<Option<u64>>,
}

impl Sampler {
    /// Whether the next request is one. `draw`: a random number, 0 or more and below 1.
    pub fn samples(&self, share: f64, draw: impl Fn() -> f64) -> bool {
        let left_out = self.left_out.get().unwrap_or_else(|| gap(share, draw()));
        let is_next = left_out == 0;
        self.left_out.set(Some(if is_next { gap(share, draw()) } else { left_out - 1 }));
        is_next
    }
}

/// How many are left out before one that is sampled, by the geometric distribution.
fn gap(share: f64, drawn: f64) -> u64 {
    if share <= 0.0 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "none is negative")]
    let gap = ((1.0 - drawn).ln() / (1.0 - share).ln()) as u64;
    gap
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many, with numbers that are spread evenly.
    fn sampled(share: f64, of: u32) -> u32 {
        let (sampler, drawn) = (Sampler::default(), Cell::new(0.5));
        let draw = || {
            let next: f64 = drawn.get() + 0.618_033_988_749_895;
            drawn.set(next.fract());
            drawn.get()
        };
        (0..of).map(|_| u32::from(sampler.samples(share, draw))).sum()
    }

    #[test]
    fn the_share_is_sampled() {
        assert_eq!((sampled(0.0, 10_000), sampled(1.0, 10_000)), (0, 10_000));
        for (share, expected) in [(0.01, 1_000.0), (0.3, 30_000.0), (0.99, 99_000.0)] {
            let found = f64::from(sampled(share, 100_000)) / expected;
            assert!((0.97..1.03).contains(&found), "{share}: {found}");
        }
    }

    #[test]
    fn the_first_request_is_as_likely_as_any_other() {
        for (drawn, expected) in [(0.0, true), (0.009, true), (0.011, false), (0.999, false)] {
            assert_eq!(Sampler::default().samples(0.01, || drawn), expected, "{drawn}");
        }
        assert!(!Sampler::default().samples(0.0, || 0.0));
        assert!(Sampler::default().samples(1.0, || 0.999));
    }
}
