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

use super::{OpenStream, read_gate::ReadGate, watched::SocketWatch};

/// A connection idle for less has most likely not been closed since: it is not looked at before it
/// is used. What closes them earlier is a restart of the upstream, at any moment.
const SUSPECT_AFTER: Duration = Duration::from_millis(5);

/// Keep-alive times of upstreams are whole seconds, one at least. What can't be sent a second time
/// does not take a connection that may be at its end: another costs less than a lost request.
const SAFE_IDLE: Duration = Duration::from_millis(900);

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
    pub(super) watch: Arc<SocketWatch>,
    /// How much of an answer may be read.
    pub(super) reads: Arc<ReadGate>,
}

#[derive(Debug)]
struct IdleConnection {
    connection: ReusedConnection,
    since: Instant,
}

/// What an answer takes up until it has been read.
#[derive(Debug)]
pub(in crate::proxy) struct Lease(Leased);

#[derive(Debug)]
enum Leased {
    /// A connection on loan for one request. Dropped without being given back, it is closed.
    Connection(ReusedConnection, Weak<IdleConnections>),
    /// A stream of a connection that others use as well.
    Stream(Rc<OpenStream>),
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

    /// A connection that is open and done with its last request, for a request that can or can't be
    /// sent a second time.
    pub(super) fn take(&self, is_repeatable: bool) -> Option<ReusedConnection> {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        // One that still finishes its last exchange is for a later request.
        let is_ready = |idle: &IdleConnection| idle.connection.sender.is_ready();
        let at = connections.iter().rposition(is_ready)?;
        let idle = self.latest.get().duration_since(connections.get(at)?.since);
        if idle >= SAFE_IDLE && !is_repeatable {
            return None;
        }
        let IdleConnection { connection, .. } = connections.remove(at);
        connection.watch.begin(idle >= SUSPECT_AFTER);
        Some(connection)
    }

    /// Its age counts from the latest moment known, which spares a look at the clock (50 ns). At
    /// worst it is closed too early, by as long as the body of its last answer took.
    fn keep(&self, connection: ReusedConnection) {
        let mut connections = self.connections.borrow_mut();
        self.close_old(&mut connections);
        if connections.len() >= self.max {
            connections.retain(|idle| !idle.connection.sender.is_closed());
        }
        let now = self.latest.get();
        let is_over = connection.sender.is_closed() || connection.watch.is_old(now);
        if !is_over && connections.len() < self.max {
            connections.push(IdleConnection { connection, since: now });
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
    pub(super) fn of_connection(connection: ReusedConnection, home: &Rc<IdleConnections>) -> Self {
        Self(Leased::Connection(connection, Rc::downgrade(home)))
    }

    pub(super) fn of_stream(stream: Rc<OpenStream>) -> Self {
        Self(Leased::Stream(stream))
    }

    /// How much of the answer may be read. `None`: HTTP/2 has windows for it.
    pub(in crate::proxy) fn reads(&self) -> Option<&Arc<ReadGate>> {
        match &self.0 {
            Leased::Connection(connection, _) => Some(&connection.reads),
            Leased::Stream(_) => None,
        }
    }

    /// Makes the connection available for the next request. The holder's duty.
    pub(in crate::proxy) fn give_back(self) {
        match self.0 {
            Leased::Connection(connection, home) => {
                connection.reads.open();
                if let Some(home) = home.upgrade() {
                    home.keep(connection);
                }
            }
            Leased::Stream(stream) => drop(stream),
        }
    }
}
