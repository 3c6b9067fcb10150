//! When a request came how far.

use std::{cell::Cell, time::Duration};

use tokio::time::Instant;

/// The moments of a request that was sent to an upstream.
#[derive(Debug, Default)]
pub struct RequestTimes {
    decided: Cell<Option<Instant>>,
    sent: Cell<Option<Instant>>,
    first_byte: Cell<Option<Instant>>,
    ended: Cell<Option<Instant>>,
}

impl RequestTimes {
    /// The decision is made, and what follows waits for others: a body, or a place in a queue.
    pub fn decided(&self) {
        if self.decided.get().is_none() {
            self.decided.set(Some(Instant::now()));
        }
    }

    /// The request goes to the upstream.
    pub fn sends(&self, at: Instant) {
        self.sent.set(Some(at));
    }

    /// The head of the upstream's answer is here.
    pub fn answered(&self, at: Instant) {
        self.first_byte.set(Some(at));
    }

    /// The request has ended.
    pub fn ends(&self, at: Instant) {
        self.ended.set(Some(at));
    }

    /// How long all of it took, for a request that began then and has ended.
    pub fn total(&self, began: Instant) -> Duration {
        let ended = self.ended.get().unwrap_or_else(Instant::now);
        ended.saturating_duration_since(began)
    }

    /// How long the decision took, for a request that began then.
    pub fn decision(&self, began: Instant) -> Option<Duration> {
        self.decided.get().or_else(|| self.sent.get()).map(|at| at.saturating_duration_since(began))
    }

    /// How long the upstream took for the head of its answer.
    pub fn upstream(&self) -> Option<Duration> {
        Some(self.first_byte.get()?.saturating_duration_since(self.sent.get()?))
    }
}
