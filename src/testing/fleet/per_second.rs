//! Counts what a server receives, by second.

use std::ops::Range;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The events of each second since the beginning.
#[derive(Debug)]
pub(crate) struct PerSecond {
    began: Instant,
    counts: Mutex<Vec<u32>>,
}

impl PerSecond {
    pub(crate) fn starting_now() -> Self {
        Self { began: Instant::now(), counts: Mutex::default() }
    }

    /// One event, now.
    pub(crate) fn count(&self) {
        let second = index(self.began.elapsed().as_secs());
        let mut counts = self.counts.lock();
        if counts.len() <= second {
            counts.resize(second + 1, 0);
        }
        counts[second] += 1;
    }

    /// All events.
    pub(crate) fn so_far(&self) -> u32 {
        self.counts.lock().iter().sum()
    }

    /// All events of these seconds.
    pub(crate) fn total(&self, seconds: Range<u64>) -> u32 {
        self.of(seconds).iter().sum()
    }

    /// The events of the second that had most.
    pub(crate) fn highest(&self, seconds: Range<u64>) -> u32 {
        self.of(seconds).into_iter().max().unwrap_or_default()
    }

    /// Events a second.
    #[expect(clippy::cast_precision_loss, reason = "some thousand seconds")]
    pub(crate) fn rate(&self, seconds: Range<u64>) -> f64 {
        let length = (seconds.end - seconds.start) as f64;
        f64::from(self.total(seconds)) / length
    }

    fn of(&self, seconds: Range<u64>) -> Vec<u32> {
        let counts = self.counts.lock();
        seconds.map(|second| counts.get(index(second)).copied().unwrap_or_default()).collect()
    }
}

fn index(second: u64) -> usize {
    usize::try_from(second).unwrap()
}
