//! How often is explained.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A bound on explanations: each may ask an issuer, and runs on the thread that refreshes keys.
#[derive(Debug)]
pub struct ExplanationRate(Mutex<RateWindow>);

#[derive(Debug)]
struct RateWindow {
    began: Instant,
    taken: u32,
}

impl ExplanationRate {
    /// As fast as a person tries things out, and slow for an issuer.
    pub const PER_SECOND: u32 = 5;

    /// Whether there may be another one. It counts.
    pub(super) fn take(&self) -> bool {
        let now = Instant::now();
        let mut window = self.0.lock();
        if now.saturating_duration_since(window.began) >= Duration::from_secs(1) {
            *window = RateWindow { began: now, taken: 0 };
        }
        let may = window.taken < Self::PER_SECOND;
        window.taken += u32::from(may);
        may
    }
}

impl Default for ExplanationRate {
    fn default() -> Self {
        Self(Mutex::new(RateWindow { began: Instant::now(), taken: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn o11_there_are_so_many_in_a_second_and_no_more() {
        let rate = ExplanationRate::default();
        let taken = (0..100).filter(|_| rate.take()).count();
        assert_eq!(taken, 5);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(!rate.take());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((0..100).filter(|_| rate.take()).count(), 5);
    }
}
