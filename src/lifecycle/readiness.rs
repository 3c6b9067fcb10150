//! Whether requests should be sent here: the one answer behind `/readyz`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{clock::UnixTime, providers::Providers};

/// What keeps the proxy from being ready.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
    lost_workers: AtomicUsize,
}

impl Readiness {
    /// From now on not ready, for good: the process is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// A worker has ended that nobody has told to. The connections that the system hands to it wait
    /// for nothing, which only a restart mends.
    pub(super) fn lose_worker(&self) {
        self.lost_workers.fetch_add(1, Ordering::SeqCst);
    }

    /// What is pending, by name; empty means ready.
    pub fn pending(&self, providers: &Providers, now: UnixTime) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) {
            return vec!["draining: the process is stopping".to_owned()];
        }
        let mut pending = providers.pending(now);
        pending.extend(self.lost_workers());
        pending
    }

    fn lost_workers(&self) -> Option<String> {
        let lost = self.lost_workers.load(Ordering::SeqCst);
        (lost > 0).then(|| format!("workers: {lost} ended unasked; restart the process"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_lost_is_named() {
        let readiness = Readiness::default();
        assert_eq!(readiness.lost_workers(), None);
        readiness.lose_worker();
        assert!(readiness.lost_workers().unwrap().starts_with("workers: 1 ended unasked"));
    }
}
