//! How long upstreams take.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::failure::FailureCounters;
use crate::{
    reason::Reason,
    telemetry::{MetricRegistry, WAIT_BUCKETS},
};

use super::balance::{BalanceMetrics, EndpointMetrics};

/// What is counted of upstreams.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By upstream.
    seconds: HistogramVec,
    /// By upstream.
    retries: IntCounterVec,
    /// By upstream and reason.
    failures: IntCounterVec,
    balance: BalanceMetrics,
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

    /// The failures of one upstream, for one reason.
    pub(super) fn failures(&self, upstream: &str, reason: Reason) -> IntCounter {
        self.failures.with_label_values(&[upstream, reason.code()])
    }
}
