//! One upstream of one worker: a pool of connections that no other worker uses.

mod age;
mod connect;
mod error;
mod exec;
mod http2;
mod idle;
mod lookup;
mod multiplexed;
mod read_gate;
mod repeat;
pub mod settings;
mod watched;

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::{body::Incoming, client::conn::TrySendError};
use prometheus::{Histogram, IntCounter};
use tokio::time::{Instant, timeout};

use crate::{
    proxy::upstream::settings::{UpstreamAddress, UpstreamSettings},
    wire::timer::Timer,
};

use super::body::{RequestBody, UploadProgress};

use exec::LocalExec;
use idle::{IdleConnections, ReusedConnection};
use lookup::NameLookup;
use multiplexed::MultiplexedConnections;

pub(super) use error::UpstreamError;
pub(super) use idle::Lease;
pub(super) use multiplexed::OpenStream;
pub(super) use read_gate::ReadGate;

/// The connections of one worker to one upstream.
#[derive(Debug)]
pub(super) struct UpstreamPool {
    settings: UpstreamSettings,
    lookup: Rc<NameLookup>,
    idle: Rc<IdleConnections>,
    /// With HTTP/2.
    multiplexed: Option<Rc<MultiplexedConnections>>,
    timers: SpareTimers,
    metrics: UpstreamMetrics,
}

/// What is counted of one upstream.
#[derive(Debug)]
pub(super) struct UpstreamMetrics {
    /// From a request to the head of its answer, in seconds.
    pub(super) latency: Histogram,
    /// Requests that were sent a second time.
    pub(super) retries: IntCounter,
}

/// Timers that are not in use. A timer that goes from request to request stays in the runtime's
/// timer wheel and is set once per deadline; a new one for each request would be inserted and
/// removed (2 % of the instructions of a request).
#[derive(Debug, Default)]
struct SpareTimers(RefCell<Vec<Timer>>);

/// What an upstream answered, and the connection it came by.
#[derive(Debug)]
pub(super) struct UpstreamAnswer {
    /// Boxed, as requests are: both are handed from future to future.
    pub(super) response: Box<Response<Incoming>>,
    pub(super) lease: Option<Lease>,
}

impl UpstreamPool {
    pub(super) fn new(settings: UpstreamSettings, metrics: UpstreamMetrics) -> Self {
        let idle = IdleConnections::new(settings.max_idle, settings.idle_timeout);
        let lookup = Rc::<NameLookup>::default();
        let multiplexed = match &settings.address {
            UpstreamAddress::H2c(authority) => {
                Some(MultiplexedConnections::new(authority, &settings, &lookup))
            }
            UpstreamAddress::Http(_) | UpstreamAddress::Unix(_) => None,
        };
        Self {
            multiplexed,
            settings,
            lookup,
            idle: Rc::new(idle),
            timers: SpareTimers::default(),
            metrics,
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
    /// A pooled connection may turn out closed before any of the request was sent: then another is
    /// used. If it was sent, it is sent again only where `may_repeat` and the upstream's settings
    /// allow it (threats F-13). `begin` is called each time that there is a connection and sending
    /// begins.
    pub(super) async fn send(
        &self,
        request: Box<Request<RequestBody>>,
        may_repeat: bool,
        begin: impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let started = Instant::now();
        self.idle.saw(started);
        let progress = request.body().progress();
        let mut timer = self.timers.take();
        let answer = tokio::select! {
            biased;
            answer = self.exchange(request, progress.as_ref(), may_repeat, &begin) => answer,
            () = poll_fn(|cx| self.poll_overdue(cx, &mut timer, started, progress.as_deref())) => {
                Err(UpstreamError::ResponseTimeout(self.settings.response_timeout))
            }
        };
        self.timers.keep(timer, self.settings.max_idle);
        if answer.is_ok() {
            let now = Instant::now();
            self.idle.saw(now);
            self.metrics.latency.observe((now - started).as_secs_f64());
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
        progress: Option<&Rc<UploadProgress>>,
        may_repeat: bool,
        begin: &impl Fn(),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        if let Some(connections) = &self.multiplexed {
            let sending = self.send_multiplexed(connections, request, progress, may_repeat, begin);
            return Box::pin(sending).await;
        }
        let is_repeatable =
            may_repeat && progress.is_none() && self.settings.retry.allows(request.method());
        while let Some(mut connection) = self.idle.take(is_repeatable) {
            begin();
            match connection.sender.try_send_request(*request).await {
                Ok(response) => return Ok(self.answer(response, connection)),
                Err(error) => match unsent(error) {
                    Ok(unsent) => request = unsent,
                    Err(broken) if may_repeat => {
                        return Box::pin(self.repeat(&connection, broken, progress)).await;
                    }
                    Err(broken) => return Err(broken),
                },
            }
        }
        Box::pin(self.send_new(request, begin)).await
    }

    /// Sends a request again that got no answer, if it may be sent twice. That takes a new
    /// connection: others in the pool may have been closed at the same moment.
    async fn repeat(
        &self,
        connection: &ReusedConnection,
        broken: UpstreamError,
        progress: Option<&Rc<UploadProgress>>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let head = connection.watch.take_unanswered();
        let Some(head) = head.and_then(|head| repeat::written_request(head.as_bytes())) else {
            return Err(broken);
        };
        if !self.settings.retry.allows(head.method()) {
            return Err(broken);
        }
        let Some(body) = repeat::same_body(progress) else {
            return Err(broken);
        };
        self.count_repeated(&broken);
        let answer = self.send_new(Box::new(head.map(|()| body)), &|| ()).await;
        answer.map_err(|error| error.after(broken))
    }

    fn count_repeated(&self, failed: &UpstreamError) {
        tracing::debug!(upstream = self.name(), error = %failed, "request sent again");
        self.metrics.retries.inc();
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

    async fn connect<C>(
        &self,
        connecting: impl Future<Output = Result<C, UpstreamError>>,
    ) -> Result<C, UpstreamError> {
        let allowed = self.settings.connect_timeout;
        timeout(allowed, connecting).await.map_err(|_| UpstreamError::ConnectTimeout(allowed))?
    }

    fn answer(&self, response: Response<Incoming>, connection: ReusedConnection) -> UpstreamAnswer {
        let response = Box::new(response);
        UpstreamAnswer { response, lease: Some(Lease::of_connection(connection, &self.idle)) }
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
