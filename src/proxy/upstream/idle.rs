//! The connections of a pool that are not in use, and the lease of one that is.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use hyper::client::conn::http1;
use tokio::time::Instant;

use crate::proxy::body::RequestBody;

use super::read_gate::ReadGate;

/// Unused HTTP/1.1 connections, the latest last.
#[derive(Debug)]
pub(super) struct IdleConnections {
    connections: RefCell<Vec<IdleConnection>>,
    /// The latest moment that is known: when a request began or its answer came.
    latest: Cell<Instant>,
    max: usize,
    max_age: Duration,
}

/// A connection that serves one request after the other.
#[derive(Debug)]
pub(super) struct ReusedConnection {
    pub(super) sender: http1::SendRequest<RequestBody>,
    /// How much of an answer may be read.
    pub(super) reads: Arc<ReadGate>,
}

#[derive(Debug)]
struct IdleConnection {
    connection: ReusedConnection,
    since: Instant,
}

/// A connection on loan for one request. Giving it back is the holder's duty; dropping it closes
/// the connection.
#[derive(Debug)]
pub(in crate::proxy) struct Lease {
    connection: ReusedConnection,
    home: Weak<IdleConnections>,
}

impl IdleConnections {
    pub(super) fn new(max: usize, max_age: Duration) -> Self {
        let (connections, latest) = (RefCell::default(), Cell::new(Instant::now()));
        Self { connections, latest, max, max_age }
    }

    /// A request began, or its answer came, at that moment.
    pub(super) fn saw(&self, now: Instant) {
        self.latest.set(now);
    }

    /// A connection that is open and done with its last request.
    pub(super) fn take(&self) -> Option<ReusedConnection> {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        // One that still finishes its last exchange is for a later request.
        let at =
            connections.iter().rposition(|candidate| candidate.connection.sender.is_ready())?;
        Some(connections.remove(at).connection)
    }

    /// Its age counts from the latest moment known, which spares a look at the clock (50 ns). At
    /// worst it is closed too early, by as long as the body of its last answer took.
    fn keep(&self, connection: ReusedConnection) {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        if connections.len() >= self.max {
            connections.retain(|idle| !idle.connection.sender.is_closed());
        }
        if !connection.sender.is_closed() && connections.len() < self.max {
            connections.push(IdleConnection { connection, since: self.latest.get() });
        }
    }

    /// Closes those that have waited too long: after a burst, steady use keeps only the latest
    /// young.
    fn close_old(&self, connections: &mut Vec<IdleConnection>) {
        let now = self.latest.get();
        let is_old = |idle: &IdleConnection| now.duration_since(idle.since) >= self.max_age;
        // Usually there is none, as one look at the oldest shows.
        if connections.first().is_some_and(is_old) {
            let old = connections.partition_point(is_old);
            connections.drain(..old);
        }
    }
}

impl Lease {
    pub(super) fn new(connection: ReusedConnection, home: &Rc<IdleConnections>) -> Self {
        Self { connection, home: Rc::downgrade(home) }
    }

    /// How much of the answer may be read.
    pub(in crate::proxy) fn reads(&self) -> &Arc<ReadGate> {
        &self.connection.reads
    }

    /// Makes the connection available for the next request.
    pub(in crate::proxy) fn give_back(self) {
        self.connection.reads.open();
        if let Some(home) = self.home.upgrade() {
            home.keep(self.connection);
        }
    }
}
