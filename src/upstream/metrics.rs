//! How long upstreams take.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec};

use super::{caps::CapMetrics, failure::FailureCounters};
use crate::{
    reason::Reason,
    telemetry::{MetricRegistry, WAIT_BUCKETS},
};

use super::balance::{BalanceMetrics, EndpointMetrics};

/// What is counted of upstreams.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// By upstream.
    seconds: HistogramVec,
    /// By upstream.
    retries: IntCounterVec,
    /// By upstream and reason.
    failures: IntCounterVec,
    balance: BalanceMetrics,
    /// By upstream.
    connections: IntGaugeVec,
    /// By upstream.
    queued: IntGaugeVec,
    /// By upstream.
    waits: IntCounterVec,
    /// By upstream.
    refusals: IntCounterVec,
}

/// What is counted of one upstream.
#[derive(Debug)]
pub(crate) struct UpstreamMetrics {
    /// From a request to the head of its answer, in seconds.
    pub(super) latency: Histogram,
    /// Requests that were sent a second time.
    pub(super) retries: IntCounter,
    /// Requests that were not answered.
    pub(super) failures: FailureCounters,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            seconds: metrics.histograms(
                "upstream_seconds",
                "Time from forwarding a request to the header block of its response.",
                &["upstream"],
                WAIT_BUCKETS,
            ),
            retries: metrics.counters(
                "upstream_retries_total",
                "Requests sent a second time, after a connection broke without an answer.",
                &["upstream"],
            ),
            failures: metrics.counters(
                "upstream_failures_total",
                "Admitted requests that their upstream did not answer.",
                &["upstream", "reason"],
            ),
            balance: BalanceMetrics::register(metrics),
            connections: metrics.int_gauges(
                "upstream_connections",
                "Open connections to upstreams, idle ones included.",
                &["upstream"],
            ),
            queued: metrics.int_gauges(
                "upstream_queued",
                "Requests that wait, as their upstream has all that it may have.",
                &["upstream"],
            ),
            waits: metrics.counters(
                "upstream_waits_total",
                "Requests that had to wait, as their upstream had all that it may have.",
                &["upstream"],
            ),
            refusals: metrics.counters(
                "upstream_busy_total",
                "Requests that found no room to wait for their upstream, or waited too long.",
                &["upstream"],
            ),
        }
    }

    /// Those of one that has several endpoints.
    pub(crate) fn of_several(&self, name: &str) -> EndpointMetrics {
        self.balance.of(name)
    }

    /// Those of one upstream.
    pub(crate) fn of(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            latency: self.seconds.with_label_values(&[name]),
            retries: self.retries.with_label_values(&[name]),
            failures: FailureCounters::of(name, self),
        }
    }

    /// What the upstream of that name has at once.
    pub(crate) fn caps(&self, upstream: &str) -> CapMetrics {
        CapMetrics {
            connections: self.connections.with_label_values(&[upstream]),
            queued: self.queued.with_label_values(&[upstream]),
            waits: self.waits.with_label_values(&[upstream]),
            refusals: self.refusals.with_label_values(&[upstream]),
        }
    }

    /// The failures of one upstream, for one reason.
    pub(super) fn failures(&self, upstream: &str, reason: Reason) -> IntCounter {
        self.failures.with_label_values(&[upstream, reason.code()])
    }
}
