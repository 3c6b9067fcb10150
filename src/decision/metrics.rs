//! Held bodies.

use prometheus::{IntGauge, IntGaugeVec};

use crate::telemetry::{MetricRegistry, NO_LABELS};

/// What is counted while a request is decided on.
#[derive(Debug)]
pub(crate) struct Metrics {
    held: IntGaugeVec,
    room: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            held: metrics.int_gauges(
                "held_body_bytes",
                "Bytes of request bodies that are held before they are forwarded.",
                NO_LABELS,
            ),
            room: metrics.int_gauges(
                "held_body_budget_bytes",
                "The budget of held bodies: server.limits.buffer_bytes.",
                NO_LABELS,
            ),
        }
    }

    /// What is held within a budget of so many bytes.
    pub(super) fn held(&self, budget: usize) -> IntGauge {
        self.room.with_label_values(NO_LABELS).set(i64::try_from(budget).unwrap_or(i64::MAX));
        self.held.with_label_values(NO_LABELS)
    }
}
