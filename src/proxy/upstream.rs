//! One upstream of one worker: a pool of connections that no other worker uses.

mod connect;
mod exec;
mod held_wakes;
mod idle;
mod lookup;
mod read_gate;
mod reads_on;
pub mod settings;

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http2},
};
use prometheus::Histogram;
use tokio::time::{Instant, timeout};

use crate::{
    decision::Unsignable,
    proxy::upstream::settings::{UpstreamAddress, UpstreamSettings},
};

use super::{
    body::{RequestBody, UploadProgress},
    framing::MisframedAnswer,
    guarded_io::Timer,
};

use exec::LocalExec;
use idle::{IdleConnections, ReusedConnection};
use lookup::NameLookup;

pub(super) use {held_wakes::hold, idle::Lease, read_gate::ReadGate};

/// The connections of one worker to one upstream.
#[derive(Debug)]
pub(super) struct UpstreamPool {
    settings: UpstreamSettings,
    lookup: Rc<NameLookup>,
    idle: Rc<IdleConnections>,
    multiplexed: RefCell<Option<http2::SendRequest<RequestBody>>>,
    timers: SpareTimers,
    latency: Histogram,
}

/// Timers that are not in use. A timer that goes from request to request stays in the runtime's
/// timer wheel and is set once per deadline; a new one for each request would be inserted and
/// removed (2 % of the instructions of a request).
#[derive(Debug, Default)]
struct SpareTimers(RefCell<Vec<Timer>>);

/// What an upstream answered, and the connection it came by (none for HTTP/2, which is shared).
#[derive(Debug)]
pub(super) struct UpstreamAnswer {
    /// Boxed, as requests are: both are handed from future to future.
    pub(super) response: Box<Response<Incoming>>,
    pub(super) lease: Option<Lease>,
}

/// Why an upstream did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// The request can't be written as this upstream receives requests.
    #[error("cannot be addressed: {0}")]
    Unaddressable(#[from] http::Error),
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Refused(#[source] std::io::Error),
    /// No connection within the deadline.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    ResponseTimeout(Duration),
    /// The connection broke, or what came was no HTTP.
    #[error("broken exchange: {0}")]
    Broken(#[source] hyper::Error),
    /// The connection had been closed before the request was sent, on a new connection.
    #[error("the upstream closed a new connection before taking the request")]
    ClosedEarly,
    /// It changed the protocol (101) without a request, or to another than requested.
    #[error("the upstream changed the protocol without being asked")]
    ProtocolChanged,
    /// Where its answer ends can't be told.
    #[error("ambiguous answer: {0}")]
    Misframed(#[from] MisframedAnswer),
    /// The answer was to be signed, and can't be.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
}

impl UpstreamError {
    /// Whether it is certain that the upstream has seen nothing of the request.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::Unaddressable(_) | Self::Refused(_) | Self::ConnectTimeout(_) | Self::ClosedEarly
        )
    }
}

impl UpstreamPool {
    pub(super) fn new(settings: UpstreamSettings, latency: Histogram) -> Self {
        let idle = IdleConnections::new(settings.max_idle, settings.idle_timeout);
        Self {
            settings,
            lookup: Rc::default(),
            idle: Rc::new(idle),
            multiplexed: RefCell::new(None),
            timers: SpareTimers::default(),
            latency,
        }
    }

    /// The name in the configuration.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// The settings.
    pub(super) fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A request is sent a second time only if a pooled connection turned out closed before any of
    /// it was sent (threats F-13). `begin` is called each time that there is a connection and
    /// sending begins.
    pub(super) async fn send(
        &self,
        request: Box<Request<RequestBody>>,
        begin: impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let started = Instant::now();
        self.idle.saw(started);
        let progress = request.body().progress();
        let mut timer = self.timers.take();
        let answer = tokio::select! {
            biased;
            answer = self.exchange(request, &begin) => answer,
            () = poll_fn(|cx| self.poll_overdue(cx, &mut timer, started, progress.as_deref())) => {
                Err(UpstreamError::ResponseTimeout(self.settings.response_timeout))
            }
        };
        self.timers.keep(timer, self.settings.max_idle);
        if answer.is_ok() {
            let now = Instant::now();
            self.idle.saw(now);
            self.latency.observe((now - started).as_secs_f64());
        }
        answer
    }

    /// Sends over an unused connection if one is open, else over a new one.
    ///
    /// The ways that are not the common one are boxed: their state would make the future of
    /// every request larger, which is moved several times.
    async fn exchange(
        &self,
        mut request: Box<Request<RequestBody>>,
        begin: &impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        if let UpstreamAddress::H2c(_) = self.settings.address {
            return Box::pin(self.send_multiplexed(request, begin)).await;
        }
        while let Some(mut connection) = self.idle.take() {
            begin();
            match connection.sender.try_send_request(*request).await {
                Ok(response) => return Ok(self.answer(response, connection)),
                Err(error) => request = unsent(error)?,
            }
        }
        Box::pin(self.send_new(request, begin)).await
    }

    /// Ready when the answer is too late.
    fn poll_overdue(
        &self,
        cx: &mut Context<'_>,
        timer: &mut Timer,
        started: Instant,
        progress: Option<&UploadProgress>,
    ) -> Poll<()> {
        let since = progress.and_then(UploadProgress::upstreams_turn_since);
        let since = since.unwrap_or(started + self.settings.connect_timeout);
        timer.poll(cx, since + self.settings.response_timeout)
    }

    async fn send_new(
        &self,
        request: Box<Request<RequestBody>>,
        begin: &impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let mut connection =
            self.connect(connect::http1(&self.settings.address, &self.lookup)).await?;
        begin();
        match connection.sender.try_send_request(*request).await {
            Ok(response) => Ok(self.answer(response, connection)),
            Err(error) => unsent(error).and(Err(UpstreamError::ClosedEarly)),
        }
    }

    async fn send_multiplexed(
        &self,
        mut request: Box<Request<RequestBody>>,
        begin: &impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let pooled = self.multiplexed.borrow().clone().filter(|pooled| !pooled.is_closed());
        if let Some(mut connection) = pooled {
            begin();
            match connection.try_send_request(*request).await {
                Ok(response) => {
                    return Ok(UpstreamAnswer { response: Box::new(response), lease: None });
                }
                Err(error) => request = unsent(error)?,
            }
        }
        let mut connection =
            self.connect(connect::http2(&self.settings.address, &self.lookup)).await?;
        *self.multiplexed.borrow_mut() = Some(connection.clone());
        begin();
        match connection.try_send_request(*request).await {
            Ok(response) => Ok(UpstreamAnswer { response: Box::new(response), lease: None }),
            Err(error) => unsent(error).and(Err(UpstreamError::ClosedEarly)),
        }
    }

    async fn connect<C>(
        &self,
        connecting: impl Future<Output = Result<C, UpstreamError>>,
    ) -> Result<C, UpstreamError> {
        let allowed = self.settings.connect_timeout;
        timeout(allowed, connecting).await.map_err(|_| UpstreamError::ConnectTimeout(allowed))?
    }

    fn answer(&self, response: Response<Incoming>, connection: ReusedConnection) -> UpstreamAnswer {
        let response = Box::new(response);
        UpstreamAnswer { response, lease: Some(Lease::new(connection, &self.idle)) }
    }
}

impl SpareTimers {
    fn take(&self) -> Timer {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn keep(&self, timer: Timer, max: usize) {
        let mut timers = self.0.borrow_mut();
        if timers.len() < max {
            timers.push(timer);
        }
    }
}

/// The request, if nothing of it was sent; else the error that ended the exchange.
fn unsent(
    mut error: TrySendError<Request<RequestBody>>,
) -> Result<Box<Request<RequestBody>>, UpstreamError> {
    error.take_message().map(Box::new).ok_or_else(|| UpstreamError::Broken(error.into_error()))
}
