//! Introspection requests.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use crate::telemetry::{MetricRegistry, WAIT_BUCKETS};

/// What is counted of introspection endpoints.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By issuer and outcome.
    pub(super) requests: IntCounterVec,
    pub(super) seconds: HistogramVec,
    pub(super) up: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            requests: metrics.counters(
                "introspections_total",
                "Introspection requests sent.",
                &["issuer", "outcome"],
            ),
            seconds: metrics.histograms(
                "introspection_seconds",
                "Time from an introspection request to its response.",
                &["issuer"],
                WAIT_BUCKETS,
            ),
            up: metrics.int_gauges(
                "introspection_up",
                "0 while the introspection endpoint fails.",
                &["issuer"],
            ),
        }
    }
}
