//! Requests to token endpoints.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use crate::telemetry::{MetricRegistry, WAIT_BUCKETS};

/// What is counted of token endpoints.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By credential and outcome.
    pub(super) requests: IntCounterVec,
    pub(super) seconds: HistogramVec,
    pub(super) up: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            requests: metrics.counters(
                "upstream_credential_requests_total",
                "Requests for tokens towards upstreams.",
                &["credential", "outcome"],
            ),
            seconds: metrics.histograms(
                "upstream_credential_seconds",
                "Time from a request for a token towards an upstream to its response.",
                &["credential"],
                WAIT_BUCKETS,
            ),
            up: metrics.int_gauges(
                "upstream_credential_up",
                "0 while the token endpoint of a credential towards upstreams fails.",
                &["credential"],
            ),
        }
    }
}
