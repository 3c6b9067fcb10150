//! Connections, and how long upstreams take.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge};

use super::upstream::UpstreamMetrics;
use crate::{
    reason::Reason,
    telemetry::{MetricRegistry, WAIT_BUCKETS},
    wire::frames::flood::FloodKind,
};

/// What the proxy counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Open now.
    pub(super) open: IntGauge,
    /// Of these, the idle ones that are held with next to no memory.
    pub(super) parked: IntGauge,
    pub(super) accepted: IntCounter,
    pub(super) refused: IntCounter,
    /// Bytes of bodies that wait for the side that receives them, and the room for what is read next.
    pub(super) waiting_bytes: IntGauge,
    /// Clients that were cut off early, as memory was short.
    pub(super) shed: IntCounter,
    /// By the kind of frame.
    pub(super) floods: IntCounterVec,
    /// By upstream.
    upstream_seconds: HistogramVec,
    /// By upstream.
    upstream_retries: IntCounterVec,
    /// By upstream and reason.
    upstream_failures: IntCounterVec,
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
            waiting_bytes: metrics.int_gauge(
                "waiting_body_bytes",
                "Bytes of bodies that wait to be taken, and the room reserved to read more of them.",
            ),
            shed: metrics.counter(
                "slow_clients_shed_total",
                "Clients cut off because they took nothing of an answer while memory was short.",
            ),
            floods: metrics.counters(
                "http2_floods_total",
                "HTTP/2 connections closed because of too many frames of a kind.",
                &["frames"],
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
            upstream_failures: metrics.counters(
                "upstream_failures_total",
                "Admitted requests that their upstream did not answer.",
                &["upstream", "reason"],
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

    /// The failures of one upstream, for one reason.
    pub(super) fn upstream_failures(&self, upstream: &str, reason: Reason) -> IntCounter {
        self.upstream_failures.with_label_values(&[upstream, reason.code()])
    }

    /// Shows every kind of flood, so that the first of one is an increase.
    pub(super) fn show_floods(&self) {
        for kind in FloodKind::ALL {
            self.floods.with_label_values(&[kind.name()]);
        }
    }
}
