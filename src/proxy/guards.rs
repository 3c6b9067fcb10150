//! What counts by being held: connections in their budget, and requests in their connection.

use std::{
    cell::{Cell, OnceCell},
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::time::Instant;

use crate::{
    decision::{LimitPermit, RequestRecord},
    memory::{Flow, MemoryBudget, REQUEST_BYTES, SEALED_BYTES, TUNNEL_BYTES, UPLOAD_BYTES},
    proxy::settings::LimitSettings,
    telemetry::MetricRegistry,
    wire::frames::flood_reports::{ClientFloods, FloodReports},
};

use super::{
    Metrics,
    bound_listener::{ConnectionCaps, ListenerPlace},
    guarded_io::Activity,
};
use crate::bounded::Place;

/// How many connections may be open, over all workers.
#[derive(Debug)]
pub struct ConnectionBudget {
    open: AtomicUsize,
    max: AtomicUsize,
    memory: Arc<MemoryBudget>,
    metrics: Metrics,
    floods: Arc<FloodReports>,
}

/// One connection's part of the budget, and its place at its listener.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    budget: Arc<ConnectionBudget>,
    place: ListenerPlace,
}

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
    /// What it takes while there is a request, besides those.
    sealed_bytes: usize,
    /// Whether a request on it has come to its end.
    has_served: Cell<bool>,
    /// Bytes of its bodies that wait. Absent until there are some.
    held_bytes: OnceCell<Arc<AtomicUsize>>,
}

/// A request in progress. While one is held, its connection is not idle.
#[derive(Debug)]
pub(super) struct RequestGuard {
    connection: Rc<OpenConnection>,
    has_room: bool,
    /// What it counts with in the budget of memory.
    bytes: usize,
    /// What the limits of its route have granted.
    permit: Option<Box<LimitPermit>>,
    /// Of what its route and its upstream may have in progress.
    places: Vec<Place>,
    /// What is reported of it at its end.
    record: Option<Rc<RequestRecord>>,
}

/// An answer that hyper does not have yet, although its request has ended for everything else.
/// While one is held, its connection is not idle: what arrives is no head of a next request.
#[derive(Debug)]
pub(super) struct AnswerGuard<'c>(&'c OpenConnection);

/// The room for what is read of an upload before it is asked for.
#[derive(Debug)]
pub(super) struct UploadRoom {
    connection: Rc<OpenConnection>,
    bytes: usize,
}

impl ConnectionBudget {
    /// The budget of a process. A reload changes its bounds, not what is counted.
    pub fn new(limits: &LimitSettings, metrics: &MetricRegistry) -> Arc<Self> {
        let memory = MemoryBudget::new(limits.memory, limits.connection_memory, metrics);
        let metrics = Metrics::register(metrics);
        let floods = FloodReports::new(metrics.floods.clone());
        let max = AtomicUsize::new(limits.connections);
        Arc::new(Self { open: AtomicUsize::new(0), max, memory, metrics, floods })
    }

    /// Other bounds, from now on: what is open or held beyond them stays until it ends.
    pub fn adjust(&self, limits: &LimitSettings) {
        self.max.store(limits.connections, Ordering::Relaxed);
        self.memory.adjust(limits.memory, limits.connection_memory);
    }

    /// A permit for a connection that has that place. `None`: there is none, which is counted.
    pub(super) fn take(self: &Arc<Self>, place: ListenerPlace) -> Option<ConnectionPermit> {
        let max = self.max.load(Ordering::Relaxed);
        let taken = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < max).then_some(open + 1)
        });
        if taken.is_err() {
            self.metrics.refused.inc();
            return None;
        }
        self.metrics.open.inc();
        Some(ConnectionPermit { budget: Arc::clone(self), place })
    }

    /// Whether no request is in progress, and no tunnel open, on any connection.
    pub fn is_idle(&self) -> bool {
        self.memory.is_unused()
    }

    /// Counts a connection that was accepted, whatever comes of it.
    pub(super) fn count_accepted(&self) {
        self.metrics.accepted.inc();
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.metrics.parked.dec();
    }
}

impl ConnectionPermit {
    /// Counts the connection for its client's address. Returns whether that may have it.
    pub(super) fn count_address(&mut self, address: IpAddr, caps: ConnectionCaps) -> bool {
        self.place.count_address(address, caps)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.budget.open.fetch_sub(1, Ordering::Relaxed);
        self.budget.metrics.open.dec();
    }
}

impl OpenConnection {
    pub(super) fn new(permit: ConnectionPermit, activity: Arc<Activity>, is_tls: bool) -> Rc<Self> {
        Rc::new(Self {
            permit,
            activity,
            requests: Cell::new(0),
            sealed_bytes: if is_tls { SEALED_BYTES } else { 0 },
            has_served: Cell::new(false),
            held_bytes: OnceCell::new(),
        })
    }

    /// Whether a request has come in on it.
    pub(super) fn has_been_used(&self) -> bool {
        self.requests.get() > 0 || self.has_served.get()
    }

    pub(super) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.permit.budget.memory
    }

    /// A body of one of its requests.
    pub(super) fn flow(&self) -> Arc<Flow> {
        Flow::new(self.memory(), self.held_bytes.get_or_init(Arc::default))
    }

    /// Keeps the connection out of its idle phase until an answer is handed over.
    pub(super) fn answer_follows(&self) -> AnswerGuard<'_> {
        self.begin();
        self.activity.answer_follows();
        AnswerGuard(self)
    }

    /// Counts something in progress.
    fn begin(&self) {
        let requests = self.requests.get();
        if requests == 0 && self.sealed_bytes > 0 {
            self.memory().hold(self.sealed_bytes);
        }
        self.requests.set(requests + 1);
    }

    /// What was counted has ended at that moment.
    fn end(&self, at: Instant) {
        let left = self.requests.get().saturating_sub(1);
        self.requests.set(left);
        if left == 0 {
            if self.sealed_bytes > 0 {
                self.memory().leave(self.sealed_bytes);
            }
            self.activity.requests_end(at);
        }
    }

    /// Counts the connection as parked.
    pub(super) fn park(&self) -> Parked<'_> {
        let budget = &self.permit.budget;
        budget.metrics.parked.inc();
        Parked(budget)
    }

    /// The floods of its client.
    pub(super) fn floods(&self, client: Option<IpAddr>) -> ClientFloods {
        ClientFloods::new(&self.permit.budget.floods, client)
    }
}

impl RequestGuard {
    pub(super) fn new(connection: &Rc<OpenConnection>) -> Self {
        let has_room = connection.memory().enter(connection.has_served.get());
        connection.begin();
        connection.activity.request_begins();
        Self {
            connection: Rc::clone(connection),
            has_room,
            bytes: REQUEST_BYTES,
            permit: None,
            places: Vec::new(),
            record: None,
        }
    }

    /// The record stays open as long as the request does.
    pub(super) fn report(&mut self, record: &Rc<RequestRecord>) {
        self.record = Some(Rc::clone(record));
    }

    /// What is reported of the request at its end.
    pub(super) fn record(&self) -> Option<&RequestRecord> {
        self.record.as_deref()
    }

    /// The permit lasts as long as the request does.
    pub(super) fn hold(&mut self, permit: Option<Box<LimitPermit>>) {
        self.permit = permit;
    }

    /// Whether there is memory for the request.
    pub(super) fn has_room(&self) -> bool {
        self.has_room
    }

    /// Room for an upload that may have so many bytes. `None`: there is none.
    pub(super) fn room_for_upload(&self, upper: Option<u64>) -> Option<UploadRoom> {
        let bytes = upper.and_then(|upper| u32::try_from(upper).ok());
        let bytes = bytes.map_or(UPLOAD_BYTES, |bytes| bytes.min(UPLOAD_BYTES)) as usize;
        let has_room = self.connection.memory().reserve(bytes);
        has_room.then(|| UploadRoom { connection: Rc::clone(&self.connection), bytes })
    }

    /// The request has become a tunnel.
    pub(super) fn tunnel_begins(&mut self) {
        self.connection.activity.tunnel_begins();
        self.connection.memory().leave(self.bytes - TUNNEL_BYTES);
        self.bytes = TUNNEL_BYTES;
    }

    /// The place is taken as long as the request lasts.
    pub(super) fn keep(&mut self, place: Place) {
        self.places.push(place);
    }

    /// The answer to the request.
    pub(super) fn flow(&self) -> Arc<Flow> {
        self.connection.flow()
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let Self { connection, has_room, bytes, record, .. } = self;
        // One look at the clock for all that ends here.
        let now = Instant::now();
        if let Some(record) = record {
            RequestRecord::let_go(record, now);
        }
        connection.memory().leave(*bytes);
        if *has_room {
            connection.has_served.set(true);
        }
        connection.end(now);
    }
}

impl Drop for AnswerGuard<'_> {
    fn drop(&mut self) {
        self.0.end(Instant::now());
    }
}

impl UploadRoom {
    /// The upload.
    pub(super) fn flow(&self) -> Arc<Flow> {
        self.connection.flow()
    }
}

impl Drop for UploadRoom {
    fn drop(&mut self) {
        self.connection.memory().release(self.bytes);
    }
}
