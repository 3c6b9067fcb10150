//! The issuer's side: takes questions in turn, puts some at a time, and writes down the answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};

use crate::{clock::Clock, config::IntrospectionSettings};

use super::{
    IntrospectionError, answer::Said, breaker::Breaker, endpoint::Endpoint, introspector::Ask,
    memory::Memory, store::Health,
};

/// Everything that the questions of one issuer share.
#[derive(Debug)]
pub(super) struct Desk {
    endpoint: Endpoint,
    memory: Arc<Memory>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    breaker: Mutex<Breaker>,
    slots: Arc<Semaphore>,
    patience: Duration,
}

impl Desk {
    pub(super) fn new(
        endpoint: Endpoint,
        memory: Arc<Memory>,
        health: Arc<Health>,
        clock: Arc<dyn Clock>,
        settings: &IntrospectionSettings,
    ) -> Self {
        Self {
            endpoint,
            memory,
            health,
            clock,
            breaker: Mutex::default(),
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            patience: settings.timeout,
        }
    }

    /// Works until nobody can ask any more. Dropped, it takes the questions under way with it.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<Ask>) {
        let desk = Arc::new(self);
        let mut under_way = JoinSet::new();
        while let Some(ask) = asks.recv().await {
            let Ok(slot) = Arc::clone(&desk.slots).acquire_owned().await else {
                return; // the semaphore is never closed
            };
            while under_way.try_join_next().is_some() {}
            match desk.obstacle(&ask) {
                Some(error) => desk.give_up(ask, &error),
                None => {
                    under_way.spawn(Arc::clone(&desk).put(ask, slot));
                }
            }
        }
    }

    /// Why a question is not put at all.
    fn obstacle(&self, ask: &Ask) -> Option<IntrospectionError> {
        if ask.since.elapsed() > self.patience {
            return Some(IntrospectionError::Busy);
        }
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        (!breaker.lets_pass(Instant::now())).then_some(IntrospectionError::Resting)
    }

    async fn put(self: Arc<Self>, ask: Ask, _slot: OwnedSemaphorePermit) {
        let began = Instant::now();
        let said = self.endpoint.ask(&ask.token).await;
        self.health.observe(began.elapsed());
        match said {
            Ok(said) => {
                self.breaker.lock().unwrap_or_else(PoisonError::into_inner).succeeded();
                self.health.answered(matches!(said, Said::Active(_)));
                let statement = self.memory.keep(ask.digest(), said, self.clock.now());
                ask.answer(Some(statement));
            }
            Err(error) => {
                let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
                breaker.failed(Instant::now(), jitter());
                drop(breaker);
                self.give_up(ask, &error);
            }
        }
    }

    /// No answer: what was said before may stand in, if the operator allows that.
    fn give_up(&self, ask: Ask, error: &IntrospectionError) {
        let now = self.clock.now();
        let stale = self.memory.find_stale(ask.digest(), now);
        self.health.failed(error, stale.is_some(), now);
        ask.answer(stale);
    }
}

/// Any number in 0..=1.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness all proxies come back at the same time, which is no disaster.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}
