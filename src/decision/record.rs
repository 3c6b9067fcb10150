//! One record of each request: filled while it is decided on and forwarded, reported once, where
//! the request ends.

mod access_log;
mod denied_request;
mod endpoint_name;
mod line_limits;
mod meter;
mod recent_denials;
mod recorder;
mod report;
#[cfg(feature = "otel")]
mod request_spans;
mod request_trace;
mod send_attempts;
mod subject_name;
mod timing;
mod troubles;

use std::{
    cell::{Cell, OnceCell},
    fmt,
    net::IpAddr,
    rc::Rc,
};

use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::Instant;

use super::Outcome;
use crate::{
    gate::{Denial, Route},
    identity::{RequestId, RequestProvenance, TraceContext},
    policy::{
        CanonicalRequest,
        ids::{ListenerId, RouteId},
    },
    token::{TokenGlance, VerifiedToken},
};

pub(crate) use self::send_attempts::SendAttempts;
pub(super) use self::{access_log::AccessLog, recorder::Recorder, troubles::TroubleCause};
pub use self::{
    denied_request::DeniedRequest,
    endpoint_name::EndpointName,
    recent_denials::RecentDenials,
    request_trace::{AttemptEnd, RequestTrace},
    timing::RequestTimes,
};

/// A request from its head to the last byte of its answer. The exchange, the request's body and its
/// answer share it: when the last of them lets go, the request has ended and is reported.
pub struct RequestRecord {
    recorder: Rc<Recorder>,
    listener: Option<ListenerId>,
    client: Option<IpAddr>,
    provenance: RequestProvenance,
    began: Instant,
    times: RequestTimes,
    route: Cell<Option<RouteId>>,
    outcome: Cell<Option<Outcome>>,
    /// `None`: there was no answer.
    status: Cell<Option<StatusCode>>,
    end: Cell<RequestEnd>,
    /// Where it was sent last, and how often it was sent.
    endpoint: Cell<Option<Rc<EndpointName>>>,
    attempts: Cell<u32>,
    received_bytes: Cell<u64>,
    sent_bytes: Cell<u64>,
    details: OnceCell<Box<RequestDetails>>,
    denial: OnceCell<Box<Denial>>,
    /// The verified caller.
    caller: Cell<Option<Rc<VerifiedToken>>>,
    /// What a refused token says of itself.
    glance: OnceCell<Box<TokenGlance>>,
    /// Whether it has a line in the log.
    has_line: Cell<bool>,
    trace: RequestTrace,
}

/// With the counts of its `Rc` it fits in a block of 256 bytes. A larger one is copied for longer,
/// and the allocator has fewer of them at hand.
const _: () = assert!(size_of::<RequestRecord>() <= 256 - 2 * size_of::<usize>());

/// What takes memory of a request, and is kept only where something is to report it.
#[derive(Debug)]
pub struct RequestDetails {
    /// `None`: it has no canonical form, or was not read.
    pub request: Option<CanonicalRequest>,
}

/// How a request came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestEnd {
    /// Its answer was handed over as a whole.
    #[default]
    Complete,
    /// Its client went away, or took nothing of the answer.
    ClientGone,
    /// The upstream's answer broke off, or stood still for too long.
    AnswerBroken,
    /// It was a stream, and the proxy stops.
    Stopped,
}

impl RequestRecord {
    fn new(
        recorder: &Rc<Recorder>,
        listener: Option<ListenerId>,
        client: Option<IpAddr>,
        provenance: RequestProvenance,
        trace: RequestTrace,
    ) -> Self {
        Self {
            recorder: Rc::clone(recorder),
            listener,
            client,
            provenance,
            began: Instant::now(),
            times: RequestTimes::default(),
            route: Cell::new(None),
            outcome: Cell::new(None),
            status: Cell::new(None),
            end: Cell::new(RequestEnd::Complete),
            endpoint: Cell::new(None),
            attempts: Cell::new(0),
            received_bytes: Cell::new(0),
            sent_bytes: Cell::new(0),
            details: OnceCell::new(),
            denial: OnceCell::new(),
            caller: Cell::new(None),
            glance: OnceCell::new(),
            has_line: Cell::new(false),
            trace,
        }
    }

    /// What it is called, in logs, by its upstream and in its answer.
    pub fn id(&self) -> &RequestId {
        &self.provenance.id
    }

    /// The trace that it belongs to, as far as its sender is believed.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.provenance.trace.as_deref()
    }

    /// Where it came in; `None`: by a listener that is no longer configured.
    pub fn listener(&self) -> Option<ListenerId> {
        self.listener
    }

    /// Its client's address, as far as it is believed; `None`: it is not known.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// The route that it took.
    pub fn route(&self) -> Option<RouteId> {
        self.route.get()
    }

    /// How it was answered; `None`: its client went away before that.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get()
    }

    /// The status of its answer, if it had one.
    pub fn status(&self) -> Option<StatusCode> {
        self.status.get()
    }

    /// Why it was refused, if it was.
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.get().map(|denial| &**denial)
    }

    /// When its head was complete.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Its spans, if it is sampled.
    pub fn spans(&self) -> &RequestTrace {
        &self.trace
    }

    /// When it came how far.
    pub fn times(&self) -> &RequestTimes {
        &self.times
    }

    /// The status of its answer. Of a tunnel, 101.
    pub fn answered(&self, status: StatusCode) {
        self.status.set(Some(status));
    }

    /// The header that has its id.
    pub fn id_header(&self) -> &HeaderName {
        self.recorder.ids().header()
    }

    /// Sets its trace for the upstream, and removes one that is not believed. Its id is sent beside
    /// these headers.
    pub(super) fn stamp(&self, headers: &mut HeaderMap) {
        self.recorder.ids().clean(&self.provenance, headers);
        #[cfg(feature = "otel")]
        self.trace.stamp(headers);
    }

    /// Sets its id in its answer, where the settings say so.
    pub(super) fn stamp_answer(&self, headers: &mut HeaderMap, is_own: bool) {
        self.recorder.ids().stamp_answer(self.id(), headers, is_own);
    }

    /// It is sent to that endpoint, perhaps not the first.
    pub fn attempt(&self, endpoint: &Rc<EndpointName>) {
        self.attempts.set(self.attempts.get().saturating_add(1));
        self.endpoint.set(Some(Rc::clone(endpoint)));
        self.trace.attempt(endpoint);
    }

    /// So many bytes of its body were read.
    pub fn received(&self, bytes: usize) {
        self.received_bytes.set(self.received_bytes.get().saturating_add(bytes as u64));
    }

    /// So many bytes of its answer's body were handed over.
    pub fn sent(&self, bytes: usize) {
        self.sent_bytes.set(self.sent_bytes.get().saturating_add(bytes as u64));
    }

    /// Its answer does not come to its end. The first cause counts.
    pub fn cut_short(&self, end: RequestEnd) {
        if self.end.get() == RequestEnd::Complete {
            self.end.set(end);
        }
    }

    /// It is refused before it was read.
    pub(super) fn refused_unread(&self, denial: Denial) {
        self.ends_as(Outcome::Denied);
        self.denied(denial);
    }

    pub(super) fn ends_as(&self, outcome: Outcome) {
        self.outcome.set(Some(outcome));
    }

    /// It is refused, or its upstream does not answer it.
    pub(super) fn denied(&self, denial: Denial) {
        self.has_line.set(self.recorder.takes_denial(denial.reason()));
        // A request is answered once: there is no second refusal.
        let _ = self.denial.set(Box::new(denial));
    }

    /// Whether its refusal is reported, and its caller is not known.
    pub(super) fn wants_glance(&self) -> bool {
        self.is_reported() && self.caller().is_none()
    }

    /// Whether it has a line, or is among the last denials.
    fn is_reported(&self) -> bool {
        self.has_line.get() || self.is_kept()
    }

    /// Whether it is among the last denials.
    fn is_kept(&self) -> bool {
        self.denial.get().is_some() && self.recorder.keeps_denials()
    }

    pub(super) fn glanced(&self, token: Option<TokenGlance>) {
        if let Some(token) = token {
            // Nor is there a second token.
            let _ = self.glance.set(Box::new(token));
        }
    }

    /// A holder lets go of it, which is its end if that is the last one.
    pub fn let_go(record: &Rc<Self>, at: Instant) {
        if Rc::strong_count(record) == 1 {
            record.times.ends(at);
        }
    }

    /// Where it was sent last.
    pub fn endpoint(&self) -> Option<Rc<EndpointName>> {
        shared(&self.endpoint)
    }

    pub(super) fn admitted(&self, caller: Option<&Rc<VerifiedToken>>) {
        self.caller.set(caller.cloned());
    }

    /// The verified caller.
    pub(super) fn caller(&self) -> Option<Rc<VerifiedToken>> {
        shared(&self.caller)
    }

    /// The exchange is over: what it knows is kept where something will report it.
    pub(super) fn decided(
        &self,
        route: Option<&Route>,
        request: impl FnOnce() -> Option<CanonicalRequest>,
    ) {
        self.route.set(route.map(Route::id));
        if self.denial.get().is_none() {
            self.has_line.set(self.recorder.takes_other());
        }
        if self.is_reported() || self.recorder.takes_errors() || self.trace.is_sampled() {
            let _ = self.details.set(Box::new(RequestDetails { request: request() }));
        } else {
            self.caller.take();
        }
    }
}

/// One more reference to what is in the cell.
fn shared<T>(cell: &Cell<Option<Rc<T>>>) -> Option<Rc<T>> {
    let content = cell.take();
    cell.set(content.clone());
    content
}

/// Not who sent it, nor with what.
impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (route, outcome) = (self.route.get(), self.outcome.get());
        f.debug_struct("RequestRecord")
            .field("id", self.id())
            .field("route", &route)
            .field("outcome", &outcome)
            .finish_non_exhaustive()
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.recorder.ended(self);
    }
}
