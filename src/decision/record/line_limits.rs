//! How many lines each reason of a refusal may have (threats D-8): a flood of one must not hide the
//! others, nor fill the disk.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::reason::{Class, Reason};

/// A bucket of lines for each reason.
#[derive(Debug)]
pub(super) struct LineLimits {
    per_second: f64,
    burst: f64,
    buckets: Mutex<BTreeMap<Reason, LineBucket>>,
}

#[derive(Debug)]
struct LineBucket {
    lines: f64,
    since: Instant,
    left_out: u64,
}

/// Of what has summaries, some examples are enough.
const EXAMPLES_PER_SECOND: f64 = 1.0;
const BURST_OF_EXAMPLES: f64 = 10.0;

impl LineLimits {
    pub(super) fn new(per_second: usize, burst: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "the settings have a bound far below 2⁵³")]
        let (per_second, burst) = (per_second as f64, burst as f64);
        Self { per_second, burst, buckets: Mutex::default() }
    }

    /// Takes a line of a reason; whether there was one. What was left out is counted.
    pub(super) fn take(&self, reason: Reason) -> bool {
        let (per_second, burst) = match reason.class() {
            Class::CannotDecide | Class::UpstreamFailed => {
                (self.per_second.min(EXAMPLES_PER_SECOND), self.burst.min(BURST_OF_EXAMPLES))
            }
            _ => (self.per_second, self.burst),
        };
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        let full = || LineBucket { lines: burst, since: now, left_out: 0 };
        let bucket = buckets.entry(reason).or_insert_with(full);
        let refilled = (now - bucket.since).as_secs_f64() * per_second;
        bucket.lines = (bucket.lines + refilled).min(burst);
        bucket.since = now;
        if bucket.lines < 1.0 {
            bucket.left_out += 1;
            return false;
        }
        bucket.lines -= 1.0;
        true
    }

    /// Says what was left out since the last report.
    pub(super) fn report(&self, interval: Duration) {
        for (reason, left_out) in self.left_out() {
            tracing::info!(
                reason = reason.code(),
                left_out,
                seconds = interval.as_secs(),
                "lines of refused requests were left out"
            );
        }
    }

    fn left_out(&self) -> Vec<(Reason, u64)> {
        let mut buckets = self.buckets.lock();
        let counted = buckets.iter_mut().filter(|(_, bucket)| bucket.left_out > 0);
        counted.map(|(reason, bucket)| (*reason, std::mem::take(&mut bucket.left_out))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limits: &LineLimits, reason: Reason, of: usize) -> usize {
        (0..of).filter(|_| limits.take(reason)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn d8_each_reason_has_its_lines_and_what_is_left_out_is_counted() {
        let limits = LineLimits::new(100, 200);
        assert_eq!(taken(&limits, Reason::TokenExpired, 1000), 200);
        assert_eq!(taken(&limits, Reason::KidUnknown, 3), 3, "a flood hides no other reason");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(&limits, Reason::TokenExpired, 1000), 50);
        assert_eq!(limits.left_out(), [(Reason::TokenExpired, 1750)]);
        assert_eq!(limits.left_out(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_summaries_has_some_examples() {
        let limits = LineLimits::new(100, 200);
        assert_eq!(taken(&limits, Reason::UpstreamUnreachable, 1000), 10);
        assert_eq!(taken(&limits, Reason::KeysUnavailable, 1000), 10);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(&limits, Reason::KeysUnavailable, 1000), 3);
    }
}
