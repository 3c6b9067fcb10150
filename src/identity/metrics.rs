//! Assertions.

use prometheus::IntCounter;

use crate::telemetry::MetricRegistry;

/// What is counted of what upstreams receive.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(super) assertions_signed: IntCounter,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            assertions_signed: metrics
                .counter("assertions_signed_total", "Assertions signed for upstreams."),
        }
    }
}
