//! Whether requests should be sent here: the one answer behind `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{clock::UnixTime, providers::Providers};

/// What keeps the proxy from being ready.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
}

impl Readiness {
    /// From now on not ready, for good: the process is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// What is pending, by name; empty means ready.
    pub fn pending(&self, providers: &Providers, now: UnixTime) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) {
            return vec!["draining: the process is stopping".to_owned()];
        }
        providers.pending(now)
    }
}
