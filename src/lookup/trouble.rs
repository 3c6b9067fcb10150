//! Why an endpoint fails and since when, and when that was last logged.

use std::{fmt::Display, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::clock::UnixTime;

/// The failure of one endpoint, while it lasts. It starts without one.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Option<Failing>>);

#[derive(Debug)]
struct Failing {
    since: UnixTime,
    cause: String,
    logged_at: Instant,
    unlogged: u64,
}

/// A failing endpoint is worth a line now and then, not one per request.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

impl Trouble {
    /// Records a failure. If it is to be logged: the number of failures since the last log line.
    pub(crate) fn failed(&self, cause: &impl Display, now: UnixTime) -> Option<u64> {
        let mut failing = self.lock();
        let Some(failing) = &mut *failing else {
            let (cause, logged_at) = (cause.to_string(), Instant::now());
            *failing = Some(Failing { since: now, cause, logged_at, unlogged: 0 });
            return Some(0);
        };
        failing.cause = cause.to_string();
        if failing.logged_at.elapsed() < LOG_INTERVAL {
            failing.unlogged = failing.unlogged.saturating_add(1);
            return None;
        }
        failing.logged_at = Instant::now();
        Some(std::mem::take(&mut failing.unlogged))
    }

    /// Records a response. If the endpoint failed before: the number of failures not logged.
    pub(crate) fn recovered(&self) -> Option<u64> {
        self.lock().take().map(|failing| failing.unlogged)
    }

    /// Whether the last request failed.
    pub(crate) fn is_there(&self) -> bool {
        self.lock().is_some()
    }

    /// A line for `/readyz`; `None` while it works.
    pub(crate) fn note(&self, now: UnixTime) -> Option<String> {
        let failing = self.lock();
        let failing = failing.as_ref()?;
        let seconds = now.0.saturating_sub(failing.since.0);
        Some(format!("failing for {seconds} s; {}", failing.cause))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failing>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_now_and_then_says_how_many_failures_had_none() {
        let trouble = Trouble::default();
        assert_eq!((trouble.note(UnixTime(0)), trouble.recovered()), (None, None));
        assert_eq!(trouble.failed(&"refused", UnixTime(100)), Some(0));
        for _ in 0..7 {
            assert_eq!(trouble.failed(&"timeout", UnixTime(101)), None);
        }
        assert_eq!(trouble.note(UnixTime(110)).as_deref(), Some("failing for 10 s; timeout"));
        advance(LOG_INTERVAL).await;
        assert_eq!(trouble.failed(&"timeout", UnixTime(111)), Some(7));
        assert_eq!(trouble.failed(&"timeout", UnixTime(111)), None);
        assert!(trouble.is_there());
        assert_eq!(trouble.recovered(), Some(1));
        assert!(!trouble.is_there());
    }
}
