//! What the process itself adds to `/readyz`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What keeps the process from being ready, whatever its configuration.
#[derive(Debug, Default)]
pub struct ProcessReadiness {
    draining: AtomicBool,
    lost_workers: AtomicUsize,
}

impl ProcessReadiness {
    /// From now on not ready, for good: the process is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// A worker has ended unexpectedly. The connections that the system assigns to it are never
    /// accepted, which only a restart fixes.
    pub fn lose_worker(&self) {
        self.lost_workers.fetch_add(1, Ordering::SeqCst);
    }

    /// What is pending, by name; empty means ready. `sources` are those of the configuration in
    /// use, which do not matter to a process that stops.
    pub fn pending(&self, sources: impl FnOnce() -> Vec<String>) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) {
            return vec!["draining: the process is stopping".to_owned()];
        }
        let mut pending = sources();
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

    fn sources() -> Vec<String> {
        vec!["issuer corp: no keys yet".to_owned()]
    }

    #[test]
    fn a_worker_that_is_lost_is_named_beside_the_sources() {
        let readiness = ProcessReadiness::default();
        assert_eq!(readiness.pending(Vec::new), Vec::<String>::new());
        readiness.lose_worker();
        let pending = readiness.pending(sources);
        assert_eq!(pending.first().unwrap(), "issuer corp: no keys yet");
        assert!(pending.last().unwrap().starts_with("workers: 1 ended unasked"), "{pending:?}");
    }

    #[test]
    fn a_process_that_drains_says_only_that() {
        let readiness = ProcessReadiness::default();
        readiness.drain();
        assert_eq!(readiness.pending(sources), ["draining: the process is stopping"]);
    }
}
