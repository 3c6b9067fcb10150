//! How much of the budget bodies take.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use prometheus::{IntCounter, IntGauge};

use super::MemoryBudget;
use crate::telemetry::{Family, MetricRegistry, NO_LABELS, PulledGauge};

/// What is counted of the budget.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Bytes of bodies that wait for the side that receives them, and the room for what is read
    /// next.
    pub(super) waiting_bytes: IntGauge,
    /// Clients that were cut off early, as memory was short.
    pub(super) shed: IntCounter,
    used: Family<PulledGauge>,
    limit: Family<PulledGauge>,
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
            used: metrics.pulled_gauges(
                "memory_budget_used_bytes",
                "What requests in flight and bodies that wait count with in the memory budget.",
                NO_LABELS,
            ),
            limit: metrics.pulled_gauges(
                "memory_budget_bytes",
                "The memory budget: server.limits.memory.",
                NO_LABELS,
            ),
        }
    }

    /// Shows the budget and what is used of it.
    pub(super) fn watch(&self, budget: &Arc<MemoryBudget>) {
        let of = Arc::clone(budget);
        self.used.watch(NO_LABELS, move || as_bytes(of.held.load(Relaxed)));
        let of = Arc::clone(budget);
        self.limit.watch(NO_LABELS, move || as_bytes(of.max.load(Relaxed)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
fn as_bytes(bytes: usize) -> f64 {
    bytes as f64
}
