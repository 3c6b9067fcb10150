//! Sends queued lookups, a bounded number at a time, and has the responses cached.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{task::JoinSet, time::Instant};

use super::{
    Lookup, LookupFailure, NotSent,
    breaker::Breaker,
    queue::{LookupLimits, LookupQueue, LookupRequest},
};

/// The worker of one endpoint.
#[derive(Debug)]
pub(crate) struct LookupWorker<L: Lookup> {
    sender: Sender<L>,
    queue: LookupQueue<L>,
}

/// What the lookups of one endpoint share.
#[derive(Debug)]
struct Sender<L> {
    lookup: L,
    breaker: Mutex<Breaker>,
    limits: LookupLimits,
}

impl<L: Lookup> LookupWorker<L> {
    pub(crate) fn new(lookup: L, queue: LookupQueue<L>) -> Self {
        let limits = queue.limits;
        Self { sender: Sender { lookup, breaker: Mutex::default(), limits }, queue }
    }

    /// Runs until every [`Lookups`](super::Lookups) is dropped. Dropped itself, it ends the
    /// requests in flight.
    pub(crate) async fn run(mut self) {
        let sender = Arc::new(self.sender);
        let mut in_flight = JoinSet::new();
        while let Some(request) = self.queue.next().await {
            while in_flight.len() >= sender.limits.concurrency {
                in_flight.join_next().await;
            }
            in_flight.spawn(Arc::clone(&sender).answer(request));
        }
    }
}

impl<L: Lookup> Sender<L> {
    async fn answer(self: Arc<Self>, request: LookupRequest<L>) {
        let answer = self.answer_to(&request).await;
        request.answer(answer);
    }

    async fn answer_to(&self, queued: &LookupRequest<L>) -> L::Answer {
        let (key, request) = (queued.key(), queued.request());
        if queued.waited() > self.limits.timeout {
            return self.lookup.failed(key, request, &NotSent::Busy.into());
        }
        if let Some(answer) = self.lookup.find_elsewhere(key, request).await {
            return answer;
        }
        if !self.breaker.lock().lets_pass(Instant::now()) {
            return self.lookup.failed(key, request, &NotSent::CircuitOpen.into());
        }
        match self.lookup.send(key, request).await {
            Ok(response) => {
                self.breaker.lock().succeeded();
                self.lookup.responded(key, request, response)
            }
            Err(error) => {
                self.record(&error, key);
                self.lookup.failed(key, request, &error)
            }
        }
    }

    fn record(&self, error: &L::Error, key: &L::Key) {
        let is_outage = error.is_outage(self.lookup.is_known(key));
        let mut breaker = self.breaker.lock();
        if is_outage {
            breaker.failed(Instant::now());
        } else {
            breaker.undecided();
        }
    }
}
