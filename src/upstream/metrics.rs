//! How long upstreams take.

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::telemetry::{MetricRegistry, WAIT_BUCKETS};

use super::balance::{BalanceMetrics, EndpointMetrics};

/// What is counted of upstreams.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By upstream.
    seconds: HistogramVec,
    /// By upstream.
    retries: IntCounterVec,
    balance: BalanceMetrics,
}

/// What is counted of one upstream.
#[derive(Debug)]
pub(crate) struct UpstreamMetrics {
    /// From a request to the head of its answer, in seconds.
    pub(super) latency: Histogram,
    /// Requests that were sent a second time.
    pub(super) retries: IntCounter,
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
        }
    }
}
