//! How long upstreams take.

use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::{caps::CapMetrics, failure::REASONS, settings::UpstreamSettings};
use crate::{
    reason::Reason,
    telemetry::{DurationHistogram, DurationHistograms, MetricRegistry, REQUEST_BOUNDS},
};

use super::balance::{BalanceMetrics, EndpointMetrics};

/// What is counted of upstreams.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// By upstream.
    seconds: DurationHistograms,
    /// By upstream.
    retries: IntCounterVec,
    /// By upstream and reason.
    failures: IntCounterVec,
    /// By upstream, endpoint and reason.
    endpoint_failures: IntCounterVec,
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
#[derive(Debug, Clone)]
pub(crate) struct UpstreamMetrics {
    /// From a request to the head of its answer, in seconds.
    pub(super) latency: Arc<DurationHistogram>,
    /// Requests that were sent a second time.
    pub(super) retries: IntCounter,
    /// Requests that were not answered, by upstream and reason.
    pub(super) failures: IntCounterVec,
    /// By upstream, endpoint and reason, where there are several endpoints.
    pub(super) endpoint_failures: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            seconds: metrics.durations(
                "upstream_seconds",
                "Time from forwarding a request to the header block of its response.",
                &["upstream"],
                REQUEST_BOUNDS,
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
            endpoint_failures: metrics.counters(
                "upstream_endpoint_failures_total",
                "Admitted requests that their upstream did not answer, by the last endpoint tried.",
                &["upstream", "endpoint", "reason"],
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
    pub(crate) fn of(&self, upstream: &UpstreamSettings) -> UpstreamMetrics {
        let name = &*upstream.name;
        for reason in REASONS.map(Reason::code) {
            self.failures.with_label_values(&[name, reason]);
            for address in upstream.addresses().filter(|_| upstream.endpoints.is_some()) {
                self.endpoint_failures.with_label_values(&[name, &address.to_string(), reason]);
            }
        }
        UpstreamMetrics {
            latency: self.seconds.with_label_values(&[name]),
            retries: self.retries.with_label_values(&[name]),
            failures: self.failures.clone(),
            endpoint_failures: self.endpoint_failures.clone(),
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
}
