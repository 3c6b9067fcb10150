//! What requests in flight and answers that wait for their clients may take, all connections
//! together (threats D-12).
//!
//! Every request in flight counts with what it costs at least. Of an answer, what was read from the
//! upstream and not yet taken by the client counts with its length: each frame gives its bytes back
//! when hyper drops it. What finds no room is not read from the upstream, so that a slow client
//! slows its own answers and nothing else.

mod flow;
mod metrics;
mod pace;
mod patience;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::telemetry::MetricRegistry;

pub(crate) use flow::Flow;
pub(crate) use metrics::Metrics;
pub(crate) use pace::{Pace, WaitsFor};
pub(crate) use patience::Patience;

/// What a request in flight takes at least. Measured with a thousand whose service is silent, 21
/// KiB, and with thousands of slow answers, 17 KiB: hyper's buffers of the client's connection, its
/// task, and the request's head. And what its answer may always read.
pub(crate) const REQUEST_BYTES: usize = 24 * 1024 + MIN_READ;

/// What is left of it when a request has become a tunnel, of which hyper has let go: two thousand
/// measured, 19 KiB each.
pub(crate) const TUNNEL_BYTES: usize = 20 * 1024;

/// What TLS may hold of a connection that its client does not read: a whole record (16 KiB, RFC
/// 8446 §5.1) and the beginning of the next. rustls takes 64 KiB by default, which no body counts:
/// what is sealed was written, as far as hyper knows.
pub(crate) const SEALED_BYTES: usize = 20 * 1024;

/// What an answer of which nothing waits may always read: no client waits for the room of another.
const MIN_READ: usize = 8 * 1024;

/// What of an upload may be here before it is asked for: the flow-control window of an HTTP/2
/// stream, and what hyper reads ahead over HTTP/1.1.
pub(crate) const UPLOAD_BYTES: u32 = 64 * 1024;

/// Bytes for requests in flight and for answers, over all workers.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    held: AtomicUsize,
    max: AtomicUsize,
    of_connection: AtomicUsize,
    metrics: Metrics,
}

impl MemoryBudget {
    pub(crate) fn new(max: usize, of_connection: usize, metrics: &MetricRegistry) -> Arc<Self> {
        let budget = Arc::new(Self {
            held: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
            of_connection: AtomicUsize::new(of_connection),
            metrics: Metrics::register(metrics),
        });
        budget.metrics.watch(&budget);
        budget
    }

    /// Other bounds, from now on. What is held beyond them stays until it is given back.
    pub(crate) fn adjust(&self, max: usize, of_connection: usize) {
        self.max.store(max, Relaxed);
        self.of_connection.store(of_connection, Relaxed);
    }

    /// What requests on new connections may fill.
    fn for_new_connections(&self) -> usize {
        self.max.load(Relaxed) / 8 * 7
    }

    /// What answers may fill: the rest is for requests.
    fn for_answers(&self) -> usize {
        self.max.load(Relaxed) / 4 * 3
    }

    /// What may wait of the bodies of one connection.
    fn of_connection(&self) -> usize {
        self.of_connection.load(Relaxed)
    }

    /// Counts a request in flight; whether there is room for it. The last eighth is for connections
    /// that have served one: new ones that are all slow do not stop those that were here before.
    pub(crate) fn enter(&self, has_served: bool) -> bool {
        let most = if has_served { self.max.load(Relaxed) } else { self.for_new_connections() };
        self.held.fetch_add(REQUEST_BYTES, Relaxed) + REQUEST_BYTES <= most
    }

    /// Counts what a connection takes besides its requests.
    pub(crate) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Relaxed);
    }

    /// That much of what was counted is over.
    pub(crate) fn leave(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
    }

    /// Reserves room for what an upload brings along; whether there is some.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let fits = self.held.load(Relaxed) + bytes <= self.for_new_connections();
        if fits {
            self.charge(bytes);
        }
        fits
    }

    /// Whether no request is in flight, and no tunnel open.
    pub(crate) fn is_unused(&self) -> bool {
        self.held.load(Relaxed) == 0
    }

    fn is_short(&self) -> bool {
        self.held.load(Relaxed) > self.for_answers()
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.held.load(Relaxed) + bytes <= self.for_answers()
    }

    fn charge(&self, bytes: usize) {
        self.held.fetch_add(bytes, Relaxed);
        self.metrics.waiting_bytes.add(shown(bytes));
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
        self.metrics.waiting_bytes.sub(shown(bytes));
    }
}

fn shown(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
