//! Where the requests of a worker end.

use std::{rc::Rc, sync::Arc};

use super::{
    DeniedRequest, RequestEnd, RequestRecord, RequestTrace, access_log, meter, report::Report,
};
use crate::{
    clock::LineTime,
    decision::{Engine, RequestArrival},
    identity::{RequestIds, RequestProvenance},
    reason::Reason,
    telemetry::line::ACCESS_TARGET,
};
#[cfg(feature = "otel")]
use {
    super::request_spans::SpanReport,
    crate::{
        clock::span_time,
        otel::{OpenSpans, Sampler},
    },
};

/// Begins the records of one worker's requests, and reports them when they end.
#[derive(Debug)]
pub(in crate::decision) struct Recorder {
    engine: Arc<Engine>,
    ids: RequestIds,
    #[cfg(feature = "otel")]
    sampler: Sampler,
}

impl Recorder {
    pub(in crate::decision) fn new(engine: &Arc<Engine>) -> Rc<Self> {
        let ids = RequestIds::of_worker(&engine.request_id);
        Rc::new(Self {
            engine: Arc::clone(engine),
            ids,
            #[cfg(feature = "otel")]
            sampler: Sampler::default(),
        })
    }

    pub(in crate::decision) fn begin(
        self: &Rc<Self>,
        arrival: &RequestArrival<'_>,
    ) -> Rc<RequestRecord> {
        meter::begin(self.engine.gate());
        let RequestArrival { listener, peer, headers } = *arrival;
        let (peer, forwarded) = (peer.address.as_ref(), self.engine.gate.forwarded());
        let provenance = self.ids.read(headers, peer, forwarded);
        let client = forwarded.client(headers, peer);
        let trace = self.trace(&provenance, arrival);
        Rc::new(RequestRecord::new(self, listener, client, provenance, trace))
    }

    /// The spans of a request, if it is sampled. The trace of a peer that is not trusted decides
    /// nothing, though it may go on.
    #[cfg(feature = "otel")]
    fn trace(&self, provenance: &RequestProvenance, arrival: &RequestArrival<'_>) -> RequestTrace {
        let Some(tracer) = &self.engine.tracer else { return RequestTrace::default() };
        let parent = provenance.trace.as_deref();
        let decided = parent
            .filter(|_| self.engine.gate.forwarded().trusts_peer(arrival.peer.address.as_ref()));
        let decided = decided.map(|parent| parent.is_sampled);
        if !tracer.samples(decided, &self.sampler, || self.ids.draw()) {
            return RequestTrace::default();
        }
        let parent = parent.map(|parent| (parent.trace_id, parent.parent_id));
        let began = tokio::time::Instant::now();
        let spans = OpenSpans::begin(parent, self.ids.random(), began, span_time());
        RequestTrace::sampled(spans, arrival.peer.scheme)
    }

    #[cfg(not(feature = "otel"))]
    #[expect(clippy::unused_self, reason = "no build without the feature samples a request")]
    fn trace(&self, _: &RequestProvenance, _: &RequestArrival<'_>) -> RequestTrace {
        RequestTrace::default()
    }

    /// What requests are called.
    pub(super) fn ids(&self) -> &RequestIds {
        &self.ids
    }

    pub(super) fn takes_denial(&self, reason: Reason) -> bool {
        self.engine.access.takes_denial(reason)
    }

    pub(super) fn takes_other(&self) -> bool {
        self.engine.access.takes_other(|| self.ids.draw())
    }

    pub(super) fn takes_errors(&self) -> bool {
        self.engine.access.takes_errors()
    }

    /// The one place where a request ends.
    #[inline]
    pub(super) fn ended(&self, record: &RequestRecord) {
        meter::end(self.engine.gate(), record);
        if record.has_line.get() || (self.takes_errors() && is_error(record)) {
            self.log(record);
        }
        #[cfg(feature = "otel")]
        self.export(record);
        if record.is_kept() {
            self.keep(record);
        }
        let troubles = &self.engine.access.troubles;
        if troubles.are_any() && access_log::is_untroubled(record.outcome.get()) {
            troubles.served(self.engine.gate.route_label(record.route.get()));
        }
    }

    #[cfg(feature = "otel")]
    fn export(&self, record: &RequestRecord) {
        if let (Some(sampled), Some(tracer)) = (record.trace.get(), &self.engine.tracer) {
            tracer.take(SpanReport { record, sampled, engine: &self.engine }.spans());
        }
    }

    /// Whether requests that do not pass are kept.
    pub(super) fn keeps_denials(&self) -> bool {
        self.engine.recent_denials.is_on()
    }

    #[cold]
    fn keep(&self, record: &RequestRecord) {
        let Some(denial) = record.denial() else { return };
        let report = Report::new(record, &self.engine);
        let denied = DeniedRequest::new(denial.reason(), report.facts());
        self.engine.recent_denials.push(denied);
    }

    #[cold]
    fn log(&self, record: &RequestRecord) {
        if tracing::enabled!(target: ACCESS_TARGET, tracing::Level::INFO) {
            let line = Report::new(record, &self.engine);
            let line = line.line().write(self.engine.access.format(), LineTime::now());
            tracing::info!(target: ACCESS_TARGET, "{line}");
        }
    }
}

/// Whether an answer is an error of the service, or breaks off.
fn is_error(record: &RequestRecord) -> bool {
    let is_error = record.status.get().is_some_and(|status| status.is_server_error());
    let is_own = record.denial().is_some();
    (is_error && !is_own) || record.end.get() == RequestEnd::AnswerBroken
}
