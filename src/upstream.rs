//! One upstream of one worker: a pool of connections that no other worker uses.

mod age;
mod answer_body;
mod balance;
mod caps;
mod connect;
mod endpoint;
mod endpoints;
mod error;
mod exec;
mod failure;
mod http1;
mod http2;
mod lease;
mod lookup;
mod metrics;
mod multiplexed;
mod repeat;
mod request_body;
mod request_form;
pub mod settings;
mod tls_socket;
mod transport;

use std::{cell::RefCell, future::poll_fn, rc::Rc, sync::Arc, time::Duration};

use http::{Response, request::Parts};
use tokio::time::{Instant, timeout};

use crate::{
    decision::{
        RequestRecord,
        record::{AttemptEnd, SendAttempts},
    },
    reason::Reason,
    tls::UpstreamTls,
    wire::timer::Timer,
};

use endpoints::Endpoints;
use exec::LocalExec;
use settings::UpstreamSettings;

pub(crate) use answer_body::{AnswerBody, BrokenAnswer};
pub(crate) use balance::SharedEndpoints;
pub(crate) use caps::UpstreamCaps;
pub(crate) use connect::CONNECTION_WINDOW;
pub(crate) use error::UpstreamError;
pub(crate) use http1::UpstreamSocket;
pub(crate) use lease::EndpointLease;
pub(crate) use metrics::{Metrics, UpstreamMetrics};
pub(crate) use multiplexed::OpenStream;
pub(crate) use request_body::{RequestBody, UploadError, UploadProgress, UploadSource};
pub(crate) use request_form::join_cookies;

/// The connections of one worker to one upstream.
#[derive(Debug)]
pub(crate) struct UpstreamPool {
    settings: UpstreamSettings,
    endpoints: Endpoints,
    caps: Arc<UpstreamCaps>,
    timers: SpareTimers,
    metrics: UpstreamMetrics,
}

/// Timers that are not in use. A timer that goes from request to request stays in the runtime's
/// timer wheel and is set once per deadline; a new one for each request would be inserted and
/// removed (2 % of the instructions of a request).
#[derive(Debug, Default)]
struct SpareTimers(RefCell<Vec<Timer>>);

/// What an upstream answered. Its body has the connection that it comes by.
#[derive(Debug)]
pub(crate) struct UpstreamAnswer {
    /// Boxed, since it is handed from future to future.
    pub(crate) response: Box<Response<AnswerBody>>,
}

impl UpstreamPool {
    /// `shared`: the endpoints of an upstream that has several.
    pub(crate) fn new(
        settings: UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        shared: Option<&Arc<SharedEndpoints>>,
        caps: Arc<UpstreamCaps>,
        metrics: UpstreamMetrics,
    ) -> Self {
        let endpoints = Endpoints::new(&settings, tls, shared, &caps);
        Self { endpoints, settings, caps, timers: SpareTimers::default(), metrics }
    }

    /// The name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// What it may have at once.
    pub(crate) fn caps(&self) -> &UpstreamCaps {
        &self.caps
    }

    /// A reload has removed or changed the upstream: connections are closed, those in use after it.
    /// Requests of before are served to their end.
    pub(crate) fn close(&self) {
        self.endpoints.close();
    }

    /// Whether the next request is best written as HTTP/1.1 has it. Where that is negotiated, it
    /// is turned into the other form once the connection shows it.
    pub(crate) fn expects_http1(&self) -> bool {
        self.endpoints.expects_http1()
    }

    /// Sends a request and waits for the head of its answer. The head's content is used up.
    ///
    /// A pooled connection may turn out closed before any of the request was sent: then another is
    /// used. If it was sent, it is sent again only where `may_repeat` and the upstream's settings
    /// allow it (threats F-13). The head has to be there `response_timeout` after the request's
    /// last byte.
    pub(crate) async fn send(
        &self,
        (head, body): (&mut Parts, RequestBody),
        may_repeat: bool,
        response_timeout: Duration,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let started = Instant::now();
        attempts.record().times().sends(started);
        let progress = body.progress();
        let request = (head, body);
        let mut timer = self.timers.take();
        let answer = tokio::select! {
            biased;
            answer = self.exchange(request, started, progress.as_ref(), may_repeat, attempts) => {
                answer
            }
            () = poll_fn(|cx| {
                let latest = self.latest_answer(started, response_timeout, progress.as_deref());
                timer.poll(cx, latest)
            }) => Err(UpstreamError::ResponseTimeout(response_timeout)),
        };
        self.timers.keep(timer, self.settings.max_idle);
        attempts.record().spans().attempt_ended(|| match &answer {
            Ok(answer) => AttemptEnd::Answered(answer.response.status()),
            Err(error) => AttemptEnd::Failed(error.reason().code()),
        });
        if let Ok(answer) = &answer {
            let now = Instant::now();
            answer.response.body().saw(now);
            attempts.record().times().answered(now);
            self.metrics.latency.observe(now - started);
        }
        answer
    }

    /// Over HTTP/2 the way is boxed: its state would make the future of every request larger.
    async fn exchange(
        &self,
        request: (&mut Parts, RequestBody),
        started: Instant,
        progress: Option<&Rc<UploadProgress>>,
        may_repeat: bool,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let endpoint = match self.endpoints.pick() {
            Some(endpoint) => endpoint,
            None => Box::pin(self.endpoints.resolved()).await?,
        };
        attempts.at(&endpoint.name);
        endpoint.idle.saw(started);
        let head = &*request.0;
        let is_repeatable =
            || may_repeat && progress.is_none() && self.settings.retry.allows(&head.method);
        if endpoint.multiplexed.is_none() || endpoint.takes_http1(head, is_repeatable()) {
            return self.send_http1(endpoint, request, progress, may_repeat, attempts).await;
        }
        Box::pin(self.send_multiplexed(endpoint, request, progress, may_repeat, attempts)).await
    }

    /// Counts a request that was not answered, and says why.
    pub(crate) fn count_failed(&self, record: &RequestRecord, error: &UpstreamError) -> Reason {
        let reason = error.reason();
        let UpstreamMetrics { failures, endpoint_failures, .. } = &self.metrics;
        failures.with_label_values(&[self.name(), reason.code()]).inc();
        if let (Some(endpoint), true) = (record.endpoint(), self.endpoints.are_several()) {
            endpoint_failures.with_label_values(&[self.name(), &endpoint.url, reason.code()]).inc();
        }
        reason
    }

    fn count_repeated(&self, failed: &UpstreamError) {
        tracing::debug!(upstream = self.name(), error = %failed, "request sent again");
        self.metrics.retries.inc();
    }

    /// When the answer is too late.
    fn latest_answer(
        &self,
        started: Instant,
        response_timeout: Duration,
        progress: Option<&UploadProgress>,
    ) -> Instant {
        let since = progress.and_then(UploadProgress::upstreams_turn_since);
        since.unwrap_or(started + self.settings.connect_timeout) + response_timeout
    }

    async fn connect<C>(
        &self,
        connecting: impl Future<Output = Result<C, UpstreamError>>,
    ) -> Result<C, UpstreamError> {
        let allowed = self.settings.connect_timeout;
        timeout(allowed, connecting).await.map_err(|_| UpstreamError::ConnectTimeout(allowed))?
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
