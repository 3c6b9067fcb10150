//! What counts by being held: connections in their budget, and requests in their connection.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus::IntCounterVec;

use crate::telemetry::MetricRegistry;

use super::{Metrics, guarded_io::Activity};

/// How many connections may be open, over all workers.
#[derive(Debug)]
pub struct ConnectionBudget {
    open: AtomicUsize,
    max: usize,
    metrics: Metrics,
}

/// One connection's part of the budget.
#[derive(Debug)]
pub(super) struct ConnectionPermit(Arc<ConnectionBudget>);

/// A connection that is parked, as long as this is held.
#[derive(Debug)]
pub(super) struct Parked<'p>(&'p ConnectionBudget);

/// An open connection: within the budget for as long as its own task, a request or a tunnel holds
/// it.
#[derive(Debug)]
pub(super) struct OpenConnection {
    permit: ConnectionPermit,
    activity: Arc<Activity>,
    requests: Cell<usize>,
}

/// A request in progress. While one is held, its connection is not idle.
#[derive(Debug)]
pub(super) struct RequestGuard(Rc<OpenConnection>);

impl ConnectionBudget {
    /// A budget of `max` connections.
    pub fn new(max: usize, metrics: &MetricRegistry) -> Arc<Self> {
        let metrics = Metrics::register(metrics);
        metrics.show_floods();
        Arc::new(Self { open: AtomicUsize::new(0), max, metrics })
    }

    pub(super) fn take(self: &Arc<Self>) -> Option<ConnectionPermit> {
        self.metrics.accepted.inc();
        let taken = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < self.max).then_some(open + 1)
        });
        if taken.is_err() {
            self.metrics.refused.inc();
            return None;
        }
        self.metrics.open.inc();
        Some(ConnectionPermit(Arc::clone(self)))
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.metrics.parked.dec();
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.open.dec();
    }
}

impl OpenConnection {
    pub(super) fn new(permit: ConnectionPermit, activity: Arc<Activity>) -> Rc<Self> {
        Rc::new(Self { permit, activity, requests: Cell::new(0) })
    }

    /// Counts the connection as parked.
    pub(super) fn park(&self) -> Parked<'_> {
        let ConnectionPermit(budget) = &self.permit;
        budget.metrics.parked.inc();
        Parked(budget)
    }

    /// The counters of floods, by the kind of frame.
    pub(super) fn floods(&self) -> &IntCounterVec {
        let ConnectionPermit(budget) = &self.permit;
        &budget.metrics.floods
    }
}

impl RequestGuard {
    pub(super) fn new(connection: &Rc<OpenConnection>) -> Self {
        connection.requests.set(connection.requests.get() + 1);
        connection.activity.request_begins();
        Self(Rc::clone(connection))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let left = self.0.requests.get().saturating_sub(1);
        self.0.requests.set(left);
        if left == 0 {
            self.0.activity.requests_end();
        }
    }
}
