//! Connections, and how long upstreams take.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge};

use super::upstream::UpstreamMetrics;
use crate::telemetry::{MetricRegistry, WAIT_BUCKETS};

/// What the proxy counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Open now.
    pub(super) open: IntGauge,
    /// Of these, the idle ones that are held with next to no memory.
    pub(super) parked: IntGauge,
    pub(super) accepted: IntCounter,
    pub(super) refused: IntCounter,
    /// By upstream.
    upstream_seconds: HistogramVec,
    /// By upstream.
    upstream_retries: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            open: metrics.int_gauge("connections", "Open downstream connections."),
            parked: metrics
                .int_gauge("connections_parked", "Idle connections held without buffers."),
            accepted: metrics
                .counter("connections_accepted_total", "Downstream connections accepted."),
            refused: metrics.counter(
                "connections_refused_total",
                "Downstream connections closed at once because the limit was reached.",
            ),
            upstream_seconds: metrics.histograms(
                "upstream_seconds",
                "Time from forwarding a request to the header block of its response.",
                &["upstream"],
                WAIT_BUCKETS,
            ),
            upstream_retries: metrics.counters(
                "upstream_retries_total",
                "Requests sent a second time, after a connection broke without an answer.",
                &["upstream"],
            ),
        }
    }

    /// Those of one upstream.
    pub(super) fn of_upstream(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            latency: self.upstream_seconds.with_label_values(&[name]),
            retries: self.upstream_retries.with_label_values(&[name]),
        }
    }
}
