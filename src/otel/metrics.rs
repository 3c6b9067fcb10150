//! Outcomes of exports.

#[cfg(feature = "otel")]
use prometheus::{IntCounter, IntGauge};
use prometheus::{IntCounterVec, IntGaugeVec};

use crate::telemetry::MetricRegistry;

/// What is counted of exports.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "nothing is exported"))]
pub(crate) struct Metrics {
    /// By outcome.
    spans: IntCounterVec,
    /// By signal.
    failing: IntGaugeVec,
}

/// What is counted of spans where they are exported.
#[cfg(feature = "otel")]
#[derive(Debug, Clone)]
pub(super) struct SpanMetrics {
    /// The receiver has them.
    pub(super) exported: IntCounter,
    /// There was no room for them.
    pub(super) queue_full: IntCounter,
    /// The receiver could not be reached, or not take them, for too long.
    pub(super) failed: IntCounter,
    /// The receiver does not want them.
    pub(super) rejected: IntCounter,
    /// 1 while exports fail.
    pub(super) failing: IntGauge,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            spans: metrics.counters(
                "otel_spans_total",
                "Spans of sampled requests, by the outcome of their export.",
                &["outcome"],
            ),
            failing: metrics.int_gauges(
                "otel_export_failing",
                "1 while the OpenTelemetry receiver takes nothing, 0 otherwise.",
                &["signal"],
            ),
        }
    }

    #[cfg(feature = "otel")]
    pub(super) fn of_spans(&self) -> SpanMetrics {
        let spans = |outcome| self.spans.with_label_values(&[outcome]);
        SpanMetrics {
            exported: spans("exported"),
            queue_full: spans("queue_full"),
            failed: spans("failed"),
            rejected: spans("rejected"),
            failing: self.failing.with_label_values(&["traces"]),
        }
    }

    #[cfg(feature = "otel")]
    pub(super) fn metrics_failing(&self) -> IntGauge {
        self.failing.with_label_values(&["metrics"])
    }
}
