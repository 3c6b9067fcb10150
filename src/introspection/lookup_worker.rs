//! Sends queued introspection requests, a bounded number at a time, and caches the responses.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};

use crate::{
    clock::{Clock, UnixTime},
    fetch::jitter,
    introspection::settings::IntrospectionSettings,
    lookup::Breaker,
};

use super::{
    IntrospectionError,
    answer::IntrospectionAnswer,
    endpoint::Endpoint,
    introspector::LookupRequest,
    memory::{Memory, Statement},
    shared_answers::SharedAnswers,
    store::Health,
};

/// Everything that the questions of one issuer share.
#[derive(Debug)]
pub(super) struct LookupWorker {
    endpoint: Endpoint,
    memory: Arc<Memory>,
    shared: SharedAnswers,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    breaker: Mutex<Breaker>,
    slots: Arc<Semaphore>,
    patience: Duration,
}

impl LookupWorker {
    pub(super) fn new(
        endpoint: Endpoint,
        memory: Arc<Memory>,
        shared: SharedAnswers,
        health: Arc<Health>,
        clock: Arc<dyn Clock>,
        settings: &IntrospectionSettings,
    ) -> Self {
        Self {
            endpoint,
            memory,
            shared,
            health,
            clock,
            breaker: Mutex::default(),
            slots: Arc::new(Semaphore::new(settings.client.concurrency)),
            patience: settings.client.timeout,
        }
    }

    /// Runs until every sender is dropped. Dropped itself, it ends the requests in flight.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<LookupRequest>) {
        let worker = Arc::new(self);
        let mut under_way = JoinSet::new();
        while let Some(ask) = asks.recv().await {
            let Ok(slot) = Arc::clone(&worker.slots).acquire_owned().await else {
                return; // the semaphore is never closed
            };
            while under_way.try_join_next().is_some() {}
            under_way.spawn(Arc::clone(&worker).answer(ask, slot));
        }
    }

    /// What another replica was told comes before the question, and while the endpoint is left
    /// alone it still counts.
    async fn answer(self: Arc<Self>, ask: LookupRequest, _slot: OwnedSemaphorePermit) {
        if ask.since.elapsed() > self.patience {
            return self.give_up(ask, &IntrospectionError::Busy);
        }
        if let Some(statement) = self.told_to_others(&ask).await {
            return ask.answer(Some(statement));
        }
        if self.endpoint_rests() {
            return self.give_up(ask, &IntrospectionError::Resting);
        }
        self.put(ask).await;
    }

    /// A recheck wants to know how things are now.
    async fn told_to_others(&self, ask: &LookupRequest) -> Option<Statement> {
        if ask.recheck.is_some() {
            return None;
        }
        let now = self.clock.now();
        let answer = self.shared.find(ask.digest(), now).await?;
        Some(self.memory.keep(ask.digest(), answer.said, answer.until, now).statement)
    }

    fn endpoint_rests(&self) -> bool {
        let mut breaker = self.breaker.lock();
        !breaker.lets_pass(Instant::now())
    }

    async fn put(&self, ask: LookupRequest) {
        let began = Instant::now();
        let said = self.endpoint.ask(&ask.token).await;
        self.health.observe(began.elapsed());
        match said {
            Ok(said) => {
                self.breaker.lock().succeeded();
                self.health.answered(matches!(said, IntrospectionAnswer::Active(_)));
                let now = self.clock.now();
                let kept = self.memory.keep(ask.digest(), said, UnixTime(i64::MAX), now);
                self.shared.keep(ask.digest(), &kept.statement, kept.until, now);
                ask.answer(Some(kept.statement));
            }
            Err(error) => {
                self.failed(&ask, &error);
                self.give_up(ask, &error);
            }
        }
    }

    fn failed(&self, ask: &LookupRequest, error: &IntrospectionError) {
        let of_known = self.memory.has_called_active(ask.digest());
        let mut breaker = self.breaker.lock();
        if error.is_outage(of_known) {
            breaker.failed(Instant::now(), jitter::fraction());
        } else {
            breaker.undecided();
        }
    }

    /// No answer: what was said before may stand in, if the operator allows that.
    fn give_up(&self, ask: LookupRequest, error: &IntrospectionError) {
        let now = self.clock.now();
        let stale = self.memory.find_stale(ask.digest(), now);
        self.health.failed(error, stale.is_some(), now);
        ask.answer(stale);
    }
}
