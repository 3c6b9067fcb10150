//! Whether the process is ready, and what it depends on.

use prometheus::{IntGauge, IntGaugeVec};

use crate::telemetry::MetricRegistry;

/// What is shown of readiness.
#[derive(Debug)]
pub(crate) struct Metrics {
    ready: IntGauge,
    /// By kind and name.
    up: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            ready: metrics
                .int_gauge("ready", "1 while requests may be sent here: what /readyz says."),
            up: metrics.int_gauges(
                "dependency_up",
                "1 while what the configuration depends on is usable, 0 while it is missing.",
                &["kind", "name"],
            ),
        }
    }

    pub(super) fn ready(&self, is_ready: bool) {
        self.ready.set(is_ready.into());
    }

    pub(super) fn show(&self, kind: &str, name: &str, is_up: bool) {
        self.up.with_label_values(&[kind, name]).set(is_up.into());
    }

    /// The configuration in use has it no more.
    pub(super) fn remove(&self, kind: &str, name: &str) {
        // There is nothing to remove of what was never shown.
        let _ = self.up.remove_label_values(&[kind, name]);
    }
}
