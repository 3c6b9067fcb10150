//! Lookups of signers.

use prometheus::IntCounterVec;

use crate::telemetry::MetricRegistry;

/// What is counted of registries.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By the name of the signature's rules and outcome.
    pub(super) lookups: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            lookups: metrics.counters(
                "registry_lookups_total",
                "Requests sent to registries of signers.",
                &["signature", "outcome"],
            ),
        }
    }
}
