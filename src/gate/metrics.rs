//! Requests and refusals.

use prometheus::{IntCounter, IntCounterVec};

use crate::{reason::Reason, telemetry::MetricRegistry};

/// What the gate counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    denials: IntCounterVec,
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
        }
    }

    pub(super) fn denied(&self, reason: Reason, issuer: &str) {
        self.denials.with_label_values(&[reason.code(), issuer]).inc();
    }
}
