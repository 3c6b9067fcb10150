//! How much of the budget bodies take.

use prometheus::{IntCounter, IntGauge};

use crate::telemetry::MetricRegistry;

/// What is counted of the budget.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Bytes of bodies that wait for the side that receives them, and the room for what is read
    /// next.
    pub(super) waiting_bytes: IntGauge,
    /// Clients that were cut off early, as memory was short.
    pub(super) shed: IntCounter,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            waiting_bytes: metrics.int_gauge(
                "waiting_body_bytes",
                "Bytes of bodies that wait to be taken, and the room reserved to read more of them.",
            ),
            shed: metrics.counter(
                "slow_clients_shed_total",
                "Clients cut off because they took nothing of an answer while memory was short.",
            ),
        }
    }
}
