//! A log line for what may happen with every request, or many times a second.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets one line through per interval, and counts what it leaves out.
#[derive(Debug)]
pub(crate) struct SeldomLine {
    interval: Duration,
    last: Mutex<Option<LastLine>>,
}

#[derive(Debug)]
struct LastLine {
    written_at: Instant,
    left_out: u64,
}

impl SeldomLine {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, last: Mutex::new(None) }
    }

    /// If a line is to be written now: how many were left out since the last one.
    pub(crate) fn due(&self) -> Option<u64> {
        let now = Instant::now();
        let mut last = self.last.lock();
        if let Some(last) = &mut *last
            && now.duration_since(last.written_at) < self.interval
        {
            last.left_out = last.left_out.saturating_add(1);
            return None;
        }
        let left_out = last.as_ref().map_or(0, |last| last.left_out);
        *last = Some(LastLine { written_at: now, left_out: 0 });
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_per_interval_says_how_many_were_left_out() {
        let line = SeldomLine::new(Duration::from_secs(10));
        assert_eq!([line.due(), line.due(), line.due()], [Some(0), None, None]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!([line.due(), line.due()], [Some(2), None]);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(line.due(), Some(1));
    }
}
