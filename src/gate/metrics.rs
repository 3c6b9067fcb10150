//! Requests and refusals.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec};

use crate::{
    reason::Reason,
    telemetry::{
        DECISION_BOUNDS, DurationHistogram, DurationHistograms, Family, InFlightCount,
        MetricRegistry, NO_LABELS, REQUEST_BOUNDS, StatusClasses,
    },
};

/// What the gate counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    denials: IntCounterVec,
    /// By route and class.
    answers: Family<StatusClasses>,
    /// By route.
    seconds: DurationHistograms,
    decisions: DurationHistograms,
    in_flight: Arc<InFlightCount>,
}

/// The label of requests that match no route.
pub(crate) const UNROUTED: &str = "(none)";

/// What is counted of every request, whatever its route.
#[derive(Debug)]
pub struct RequestMeter {
    /// Requests whose answers have not ended.
    pub(crate) in_flight: Arc<InFlightCount>,
    /// From the head of a request to the decision on it.
    pub(crate) decision: Arc<DurationHistogram>,
}

/// A route's request counters, resolved once.
#[derive(Debug)]
pub struct RouteCounters {
    /// Answered by the upstream.
    pub forwarded: IntCounter,
    /// Refused by the gate.
    pub denied: IntCounter,
    /// Admitted, but the upstream failed.
    pub failed: IntCounter,
    /// Admitted, but the client did not finish its request.
    pub aborted: IntCounter,
    /// Preflights that were answered in place of the service; `None` where none is.
    pub preflights: Option<IntCounter>,
    /// Requests that were answered with a redirect; `None` where none is.
    pub redirected: Option<IntCounter>,
    /// Answers by the class of their status.
    pub(crate) answers: Arc<StatusClasses>,
    /// From the head of a request that was forwarded to the end of its answer.
    pub(crate) seconds: Arc<DurationHistogram>,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            requests: metrics.counters("requests_total", "Requests.", &["route", "outcome"]),
            denials: metrics.counters(
                "denials_total",
                "Requests refused by the gate.",
                &["reason", "issuer"],
            ),
            answers: metrics.status_classes(
                "responses_total",
                "Responses to clients, by the class of their status.",
                &["route"],
            ),
            seconds: metrics.durations(
                "request_seconds",
                "Time from the header block of a request that was forwarded to the end of its \
                 response.",
                &["route"],
                REQUEST_BOUNDS,
            ),
            decisions: metrics.durations(
                "decision_seconds",
                "Time from the header block of a request to the decision to forward it.",
                NO_LABELS,
                DECISION_BOUNDS,
            ),
            in_flight: metrics.in_flight(
                "requests_in_flight",
                "Requests whose responses have not ended, tunnels included.",
            ),
        }
    }

    /// Those of every request.
    pub(super) fn of_requests(&self) -> RequestMeter {
        RequestMeter {
            in_flight: Arc::clone(&self.in_flight),
            decision: self.decisions.with_label_values(NO_LABELS),
        }
    }

    /// `label` is the route's; `is_shared`: `[cors]` applies to it; `redirects`: it redirects.
    pub(super) fn of_route(&self, label: &str, is_shared: bool, redirects: bool) -> RouteCounters {
        let counter = |outcome| self.requests.with_label_values(&[label, outcome]);
        RouteCounters {
            forwarded: counter("forwarded"),
            denied: counter("denied"),
            failed: counter("failed"),
            aborted: counter("aborted"),
            preflights: is_shared.then(|| counter("preflight")),
            redirected: redirects.then(|| counter("redirected")),
            answers: self.answers.with_label_values(&[label]),
            seconds: self.seconds.with_label_values(&[label]),
        }
    }

    /// Shows a denial that was not made so far.
    pub(super) fn show_denial(&self, reason: Reason, issuer: &str) {
        self.denials.with_label_values(&[reason.code(), issuer]);
    }

    pub(super) fn denied(&self, reason: Reason, issuer: &str) {
        self.denials.with_label_values(&[reason.code(), issuer]).inc();
    }
}
