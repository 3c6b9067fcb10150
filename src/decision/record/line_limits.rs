//! How many lines each reason of a refusal may have (threats D-8): a flood of one must not hide the
//! others, nor fill the disk.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    reason::{Class, Reason},
    telemetry::settings::RequestLineSettings,
};

/// A bucket of lines for each reason.
#[derive(Debug)]
pub(super) struct LineLimits {
    rules: LineRules,
    buckets: Mutex<BTreeMap<Reason, LineBucket>>,
}

/// What the configuration says of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineRules {
    per_second: usize,
    burst: usize,
    /// From one report to the next.
    interval: Duration,
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
    pub(super) fn new(rules: LineRules) -> Self {
        Self { rules, buckets: Mutex::default() }
    }

    pub(super) fn rules(&self) -> LineRules {
        self.rules
    }

    /// Takes a line of a reason; whether there was one. What was left out is counted.
    pub(super) fn take(&self, reason: Reason) -> bool {
        let (per_second, burst) = self.rules.rate();
        let (per_second, burst) = match reason.class() {
            Class::CannotDecide | Class::UpstreamFailed => {
                (per_second.min(EXAMPLES_PER_SECOND), burst.min(BURST_OF_EXAMPLES))
            }
            _ => (per_second, burst),
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
    pub(super) fn report(&self) {
        for (reason, left_out) in self.left_out() {
            tracing::info!(
                reason = reason.code(),
                left_out,
                seconds = self.rules.interval.as_secs(),
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

impl Drop for LineLimits {
    /// With the last configuration that has them. What was left out until now is said.
    fn drop(&mut self) {
        self.report();
    }
}

impl LineRules {
    pub(super) fn of(settings: &RequestLineSettings) -> Self {
        Self {
            per_second: settings.lines_per_second,
            burst: settings.burst,
            interval: settings.summary_interval,
        }
    }

    /// Lines a second, and lines at once.
    #[expect(clippy::cast_precision_loss, reason = "the settings have a bound far below 2⁵³")]
    fn rate(self) -> (f64, f64) {
        (self.per_second as f64, self.burst as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> LineLimits {
        let interval = Duration::from_secs(10);
        LineLimits::new(LineRules { per_second: 100, burst: 200, interval })
    }

    fn taken(limits: &LineLimits, reason: Reason, of: usize) -> usize {
        (0..of).filter(|_| limits.take(reason)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn d8_each_reason_has_its_lines_and_what_is_left_out_is_counted() {
        let limits = limits();
        assert_eq!(taken(&limits, Reason::TokenExpired, 1000), 200);
        assert_eq!(taken(&limits, Reason::KidUnknown, 3), 3, "a flood hides no other reason");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(&limits, Reason::TokenExpired, 1000), 50);
        assert_eq!(limits.left_out(), [(Reason::TokenExpired, 1750)]);
        assert_eq!(limits.left_out(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_summaries_has_some_examples() {
        let limits = limits();
        assert_eq!(taken(&limits, Reason::UpstreamUnreachable, 1000), 10);
        assert_eq!(taken(&limits, Reason::KeysUnavailable, 1000), 10);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(&limits, Reason::KeysUnavailable, 1000), 3);
    }
}
