//! The log lines of something that is tried again and again while it fails.

use std::time::Duration;

use parking_lot::Mutex;

use super::SeldomLine;

/// Says when there is a line to write: at the first failure, once per interval while it lasts, and
/// at its end.
#[derive(Debug)]
pub(crate) struct OutageLines {
    interval: Duration,
    failing: Mutex<Option<SeldomLine>>,
}

impl OutageLines {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, failing: Mutex::new(None) }
    }

    /// Records a failure. If a line is to be written now: how many had none since the last one.
    pub(crate) fn failed(&self) -> Option<u64> {
        self.failing.lock().get_or_insert_with(|| SeldomLine::new(self.interval)).due()
    }

    /// Records a success. Whether it is the first after failures, which is worth a line.
    pub(crate) fn recovered(&self) -> bool {
        self.failing.lock().take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_has_a_first_line_some_more_and_a_last() {
        let lines = OutageLines::new(Duration::from_mins(10));
        assert!(!lines.recovered(), "nothing has failed");
        assert_eq!([lines.failed(), lines.failed()], [Some(0), None]);
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!([lines.failed(), lines.failed()], [Some(1), None]);
        assert_eq!([lines.recovered(), lines.recovered()], [true, false]);
        assert_eq!(lines.failed(), Some(0), "the next outage");
    }
}
