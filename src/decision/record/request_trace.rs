//! The spans of a request, if it is sampled. Without the feature `otel` all of this is empty.

use std::rc::Rc;

use http::StatusCode;
#[cfg(feature = "otel")]
use {
    http::{HeaderMap, HeaderValue},
    std::{
        cell::{Cell, RefCell},
        mem,
    },
    tokio::time::Instant,
};

use super::EndpointName;
use crate::reason::Reason;
#[cfg(feature = "otel")]
use crate::{
    identity::TRACEPARENT,
    otel::{OpenSpans, SpanId},
};

/// What is traced of a request.
#[derive(Debug, Default)]
pub struct RequestTrace(#[cfg(feature = "otel")] Option<Box<SampledRequest>>);

/// A sampled request.
#[cfg(feature = "otel")]
#[derive(Debug)]
pub(super) struct SampledRequest {
    pub(super) spans: Rc<OpenSpans>,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The span that the service takes for its parent: that of the last attempt, which is the one
    /// that is answered.
    sent_id: SpanId,
    attempt: RefCell<Option<OpenAttempt>>,
    pub(super) attempts: RefCell<Vec<UpstreamAttempt>>,
    attempts_begun: Cell<u32>,
}

#[cfg(feature = "otel")]
#[derive(Debug)]
struct OpenAttempt {
    endpoint: Rc<EndpointName>,
    began: Instant,
    resend: u32,
}

/// One attempt to send a request to its upstream.
#[cfg(feature = "otel")]
#[derive(Debug)]
pub(super) struct UpstreamAttempt {
    pub(super) id: SpanId,
    pub(super) endpoint: Rc<EndpointName>,
    pub(super) times: (Instant, Instant),
    /// How many came before it.
    pub(super) resend: u32,
    pub(super) end: AttemptEnd,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The head of the upstream's answer is here.
    Answered(StatusCode),
    /// There is none, for that reason.
    Failed(&'static str),
}

/// The most attempts that are kept of one request.
#[cfg(feature = "otel")]
const MAX_ATTEMPTS: usize = 16;

#[cfg(not(feature = "otel"))]
#[expect(clippy::unused_self, reason = "without the feature there is nothing in it")]
impl RequestTrace {
    /// Whether it is sampled.
    pub(super) fn is_sampled(&self) -> bool {
        false
    }

    /// An endpoint was chosen.
    pub(super) fn attempt(&self, _: &Rc<EndpointName>) {}

    /// The last attempt has failed, and another begins.
    pub(super) fn attempt_failed(&self, _: Reason) {}

    /// The last attempt has ended.
    pub fn attempt_ended(&self, _: impl FnOnce() -> AttemptEnd) {}
}

#[cfg(feature = "otel")]
impl RequestTrace {
    pub(super) fn sampled(spans: OpenSpans, scheme: &'static str) -> Self {
        let sent_id = spans.next_id();
        Self(Some(Box::new(SampledRequest {
            spans: Rc::new(spans),
            scheme,
            sent_id,
            attempt: RefCell::default(),
            attempts: RefCell::default(),
            attempts_begun: Cell::default(),
        })))
    }

    /// Whether it is sampled.
    pub(super) fn is_sampled(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn get(&self) -> Option<&SampledRequest> {
        self.0.as_deref()
    }

    /// Its spans.
    pub fn spans(&self) -> Option<&Rc<OpenSpans>> {
        self.0.as_ref().map(|sampled| &sampled.spans)
    }

    /// Makes the service's span a child of ours.
    pub(super) fn stamp(&self, headers: &mut HeaderMap) {
        if let Some(sampled) = &self.0 {
            let trace = u128::from_be_bytes(sampled.spans.trace_id());
            let span = u64::from_be_bytes(sampled.sent_id);
            let context = format!("00-{trace:032x}-{span:016x}-01");
            // Hexadecimal digits and hyphens are a value.
            if let Ok(value) = HeaderValue::try_from(context) {
                headers.insert(TRACEPARENT, value);
            }
        }
    }

    /// An endpoint was chosen.
    pub(super) fn attempt(&self, endpoint: &Rc<EndpointName>) {
        if let Some(sampled) = &self.0 {
            sampled.begin_attempt(endpoint);
        }
    }

    /// The last attempt has failed, and another begins.
    pub(super) fn attempt_failed(&self, reason: Reason) {
        if let Some(sampled) = &self.0 {
            sampled.end_attempt(sampled.spans.next_id(), AttemptEnd::Failed(reason.code()));
        }
    }

    /// The last attempt has ended.
    pub fn attempt_ended(&self, end: impl FnOnce() -> AttemptEnd) {
        if let Some(sampled) = &self.0 {
            sampled.end_attempt(sampled.sent_id, end());
        }
    }
}

#[cfg(feature = "otel")]
impl SampledRequest {
    #[cold]
    fn begin_attempt(&self, endpoint: &Rc<EndpointName>) {
        let resend = self.attempts_begun.get();
        self.attempts_begun.set(resend.saturating_add(1));
        let (endpoint, began) = (Rc::clone(endpoint), Instant::now());
        self.attempt.replace(Some(OpenAttempt { endpoint, began, resend }));
    }

    #[cold]
    fn end_attempt(&self, id: SpanId, end: AttemptEnd) {
        let Some(OpenAttempt { endpoint, began, resend }) = self.attempt.take() else { return };
        let mut attempts = self.attempts.borrow_mut();
        if attempts.len() < MAX_ATTEMPTS {
            let times = (began, Instant::now());
            attempts.push(UpstreamAttempt { id, endpoint, times, resend, end });
        }
    }

    /// Those that have ended. An attempt that is open has lost its client.
    pub(super) fn take_attempts(&self) -> Vec<UpstreamAttempt> {
        self.end_attempt(self.sent_id, AttemptEnd::Failed("client_gone"));
        mem::take(&mut *self.attempts.borrow_mut())
    }
}
