//! Sends queued requests to a registry, a bounded number at a time, and caches the responses.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{clock::Clock, fetch::jitter, lookup::Breaker, registry::settings::RegistrySettings};

use super::{
    LookupError, Registered,
    entries::{Cached, Entries},
    error::SourceError,
    health::Health,
    lookups::LookupRequest,
    snapshot::Snapshot,
    source::Source,
};

/// Everything that the questions of one registry share.
#[derive(Debug)]
pub(super) struct LookupWorker {
    source: Source,
    entries: Arc<Entries>,
    health: Arc<Health>,
    snapshot: Option<Snapshot>,
    clock: Arc<dyn Clock>,
    breaker: Mutex<Breaker>,
    slots: Arc<Semaphore>,
    patience: Duration,
}

/// What was only renewed is written down again after this time: by so much is the snapshot older
/// than the memory.
const REWRITE_AFTER: Duration = Duration::from_mins(1);
/// How often a changed memory is written to the snapshot, at most.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(5);

impl LookupWorker {
    pub(super) fn new(
        source: Source,
        entries: Arc<Entries>,
        health: Arc<Health>,
        snapshot: Option<Snapshot>,
        clock: Arc<dyn Clock>,
        settings: &RegistrySettings,
    ) -> Self {
        Self {
            source,
            entries,
            health,
            snapshot,
            clock,
            breaker: Mutex::default(),
            slots: Arc::new(Semaphore::new(settings.client.concurrency)),
            patience: settings.client.timeout,
        }
    }

    /// Runs until every sender is dropped. Dropped itself, it ends the requests in flight.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<LookupRequest>) {
        let worker = Arc::new(self);
        worker.start_from_snapshot().await;
        let mut under_way = JoinSet::new();
        let mut writing_down = JoinSet::new();
        let mut writing = interval(SNAPSHOT_INTERVAL);
        loop {
            let ask = tokio::select! {
                ask = asks.recv() => ask,
                _ = writing.tick(), if worker.snapshot.is_some() => {
                    // Beside the questions, and one at a time: they may take until the next tick.
                    if writing_down.is_empty() {
                        writing_down.spawn(Arc::clone(&worker).keep_snapshot());
                    }
                    while writing_down.try_join_next().is_some() {}
                    continue;
                }
            };
            let Some(ask) = ask else {
                return;
            };
            let Ok(slot) = Arc::clone(&worker.slots).acquire_owned().await else {
                return; // the semaphore is never closed
            };
            while under_way.try_join_next().is_some() {}
            under_way.spawn(Arc::clone(&worker).answer(ask, slot));
        }
    }

    async fn start_from_snapshot(&self) {
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| !self.entries.is_inherited()) else {
            return;
        };
        for (signer, entry) in snapshot.load(self.clock.now()).await {
            self.entries.know(&signer, Arc::new(entry));
        }
    }

    async fn keep_snapshot(self: Arc<Self>) {
        if let Some(snapshot) = &self.snapshot
            && self.health.has_news(REWRITE_AFTER)
        {
            snapshot.keep(&self.entries.all()).await;
        }
    }

    async fn answer(self: Arc<Self>, ask: LookupRequest, _slot: OwnedSemaphorePermit) {
        if ask.since.elapsed() > self.patience {
            return self.give_up(ask, &SourceError::Busy);
        }
        if self.registry_rests() {
            return self.give_up(ask, &SourceError::Resting);
        }
        match self.source.find(&ask.signer, ask.is_forced).await {
            Ok(entry) => {
                self.answered();
                self.know(ask, entry);
            }
            Err(error) if error.is_answer(self.entries.has_known(&ask.signer)) => {
                self.answered();
                self.forget(ask, &error);
            }
            Err(error) => {
                self.failed(&ask, &error);
                self.give_up(ask, &error);
            }
        }
    }

    fn failed(&self, ask: &LookupRequest, error: &SourceError) {
        self.entries.pause(&ask.signer, self.clock.now());
        let mut breaker = self.breaker.lock();
        let of_known = self.source.is_list() || self.entries.has_known(&ask.signer);
        if error.is_outage(of_known) {
            breaker.failed(Instant::now(), jitter::fraction());
        } else {
            breaker.undecided();
        }
    }

    fn registry_rests(&self) -> bool {
        let mut breaker = self.breaker.lock();
        !breaker.lets_pass(Instant::now())
    }

    fn answered(&self) {
        self.breaker.lock().succeeded();
    }

    fn know(&self, ask: LookupRequest, entry: Registered) {
        let entry = Arc::new(entry);
        let earlier = self.entries.know(&ask.signer, Arc::clone(&entry));
        self.health.found(&ask.signer, earlier.as_deref(), &entry);
        ask.answer(Ok(entry));
    }

    fn forget(&self, ask: LookupRequest, error: &SourceError) {
        let was_known = self.entries.forget(&ask.signer, self.clock.now());
        self.health.unknown(&ask.signer, was_known, error);
        ask.answer(Err(LookupError::Unknown));
    }

    /// No answer: what was said before stands, while it is not too old.
    fn give_up(&self, ask: LookupRequest, error: &SourceError) {
        let now = self.clock.now();
        self.health.failed(error, now);
        let answer = match self.entries.find(&ask.signer, now) {
            Cached::Fresh(entry) | Cached::Stale(entry) | Cached::Expired(entry) => Ok(entry),
            Cached::Unknown | Cached::BackingOff | Cached::Miss => Err(LookupError::Unavailable),
        };
        ask.answer(answer);
    }
}
