//! Keeps the snapshot up to date with the cache, beside the lookups.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;

use super::{Registered, entries::Entries, snapshot::SignerSnapshot};

/// Reads the snapshot of one registry at the start, and writes it now and then.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    pub(super) snapshot: SignerSnapshot,
    pub(super) entries: Arc<Entries>,
    pub(super) unwritten: Arc<Unwritten>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What the cache knows and the snapshot does not.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<Changes>);

#[derive(Debug, Default)]
struct Changes {
    /// Other keys, or other signers.
    is_new: bool,
    /// Since when unchanged entries have been fetched again without being written.
    renewed_since: Option<Instant>,
}

/// What was only renewed is written after this time, and what could not be written is tried again:
/// by so much is the snapshot older than the cache.
const REWRITE_AFTER: Duration = Duration::from_mins(1);
/// How often the snapshot is written, at most.
const INTERVAL: Duration = Duration::from_secs(5);

impl SnapshotWriter {
    /// Fills the cache, unless it was taken over from an earlier configuration.
    pub(super) async fn load(&self) {
        if self.entries.is_inherited() {
            return;
        }
        for (signer, entry) in self.snapshot.load(self.clock.now()).await {
            self.entries.know(&signer, Arc::new(entry));
        }
    }

    /// Writes what has changed, until it is dropped.
    pub(super) async fn run(&self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.unwritten.take_due() && !self.snapshot.keep(&self.entries.all()).await {
                self.unwritten.put_back();
            }
        }
    }
}

impl Unwritten {
    /// A signer was fetched; `earlier` is the previous entry.
    pub(super) fn found(&self, earlier: Option<&Registered>, now: &Registered) {
        let is_same = earlier.is_some_and(|earlier| earlier.has_same_content(now));
        let mut changes = self.0.lock();
        changes.is_new |= !is_same;
        changes.renewed_since.get_or_insert_with(Instant::now);
    }

    /// The registry does not know the signer any more.
    pub(super) fn forgotten(&self) {
        self.0.lock().is_new = true;
    }

    /// What counts as written could not be: it waits like what was only renewed.
    fn put_back(&self) {
        self.0.lock().renewed_since.get_or_insert_with(Instant::now);
    }

    /// Whether it is time to write: at once for what is new, later for what was only renewed. If
    /// so, it counts as written.
    fn take_due(&self) -> bool {
        let mut changes = self.0.lock();
        let is_old = changes.renewed_since.is_some_and(|since| since.elapsed() >= REWRITE_AFTER);
        let is_due = changes.is_new || is_old;
        if is_due {
            *changes = Changes::default();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::{clock::UnixTime, jose::JwkSet, json::Object};

    fn entry(role: &str) -> Registered {
        let keys = JwkSet { keys: Vec::new(), skipped: Vec::new() };
        let mut fields = Object::default();
        fields.insert("role", role);
        Registered::new(keys, fields, UnixTime(0), UnixTime(0))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_new_is_written_at_once_and_what_was_renewed_later() {
        let unwritten = Unwritten::default();
        assert!(!unwritten.take_due(), "nothing has changed");
        unwritten.found(None, &entry("payer"));
        assert!(unwritten.take_due() && !unwritten.take_due(), "a new signer, once");
        unwritten.found(Some(&entry("payer")), &entry("payee"));
        assert!(unwritten.take_due(), "another field");
        unwritten.forgotten();
        assert!(unwritten.take_due(), "a signer less");

        unwritten.found(Some(&entry("payer")), &entry("payer"));
        advance(REWRITE_AFTER / 2).await;
        assert!(!unwritten.take_due(), "only renewed");
        unwritten.found(Some(&entry("payer")), &entry("payer"));
        advance(REWRITE_AFTER / 2).await;
        assert!(unwritten.take_due(), "since the first renewal");

        unwritten.put_back();
        assert!(!unwritten.take_due(), "it could not be written a moment ago");
        advance(REWRITE_AFTER).await;
        assert!(unwritten.take_due(), "it is tried again");
    }
}
