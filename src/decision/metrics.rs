//! Held bodies.

use prometheus::IntGauge;

use crate::telemetry::MetricRegistry;

/// What is counted while a request is decided on.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(super) held_bytes: IntGauge,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            held_bytes: metrics.int_gauge(
                "held_body_bytes",
                "Bytes of request bodies that are held before they are forwarded.",
            ),
        }
    }
}
