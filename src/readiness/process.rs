//! What the process itself adds to `/readyz`.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;

/// What keeps the process from being ready, whatever its configuration, and what an operator
/// should know of it though it is ready.
#[derive(Debug, Default)]
pub struct ProcessReadiness {
    draining: AtomicBool,
    lost_workers: AtomicUsize,
    /// One for each kind.
    notes: Mutex<BTreeMap<&'static str, String>>,
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

    /// Sets the note of a kind, such as a reload that was refused, in place of the one before;
    /// `None` removes it. It does not make the process unready.
    pub fn note(&self, kind: &'static str, text: Option<String>) {
        let mut notes = self.notes.lock();
        match text {
            Some(text) => notes.insert(kind, text),
            None => notes.remove(kind),
        };
    }

    /// The notes, each as `kind: text`.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().iter().map(|(kind, text)| format!("{kind}: {text}")).collect()
    }

    /// What is pending, by name; empty means ready. `sources` are those of the configuration in
    /// use, which do not matter to a process that stops.
    pub fn pending(&self, sources: impl FnOnce() -> Vec<String>) -> Vec<String> {
        if self.draining.load(Ordering::SeqCst) {
            return vec!["draining: the process is stopping".to_owned()];
        }
        sources()
    }

    /// How many workers have ended unexpectedly, in words; `None`: none.
    pub fn lost_workers(&self) -> Option<String> {
        let lost = self.lost_workers.load(Ordering::SeqCst);
        (lost > 0).then(|| format!("{lost} ended unasked; restart the process"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<String> {
        vec!["issuer corp: no keys yet".to_owned()]
    }

    #[test]
    fn workers_that_are_lost_are_counted() {
        let readiness = ProcessReadiness::default();
        assert_eq!(readiness.lost_workers(), None);
        readiness.lose_worker();
        assert!(readiness.lost_workers().unwrap().starts_with("1 ended unasked"));
    }

    #[test]
    fn a_note_takes_the_place_of_the_one_of_its_kind_and_leaves_the_process_ready() {
        let readiness = ProcessReadiness::default();
        readiness.note("reload", Some("refused".to_owned()));
        readiness.note("reload", Some("refused again".to_owned()));
        assert_eq!(readiness.notes(), ["reload: refused again"]);
        assert_eq!(readiness.pending(Vec::new), Vec::<String>::new());
        readiness.note("reload", None);
        assert_eq!(readiness.notes(), Vec::<String>::new());
    }

    #[test]
    fn a_process_that_drains_says_only_that() {
        let readiness = ProcessReadiness::default();
        readiness.drain();
        assert_eq!(readiness.pending(sources), ["draining: the process is stopping"]);
    }
}
