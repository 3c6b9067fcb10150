//! What limits refuse, and what they keep in memory for it.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::table::TableCounters;
use crate::telemetry::MetricRegistry;

/// What is counted of limits.
#[derive(Debug)]
pub(crate) struct Metrics {
    limited: IntCounterVec,
    local: IntCounterVec,
    keys: IntGaugeVec,
    evictions: IntCounterVec,
}

/// The counters of one limit.
#[derive(Debug)]
pub(super) struct LimitCounters {
    /// Requests that it refused.
    pub(super) limited: IntCounter,
    /// Requests that it decided on without the shared store.
    pub(super) local: IntCounter,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            limited: metrics.counters("limited_total", "Requests refused by a limit.", &["limit"]),
            local: metrics.counters(
                "limit_local_total",
                "Requests that a shared limit decided on by its local share.",
                &["limit"],
            ),
            keys: metrics.int_gauges("limit_keys", "Callers that a limit remembers.", &["limit"]),
            evictions: metrics.counters(
                "limit_evictions_total",
                "Callers that a limit forgot, with nothing left to remember of them.",
                &["limit"],
            ),
        }
    }

    pub(super) fn of_limit(&self, name: &str) -> LimitCounters {
        LimitCounters {
            limited: self.limited.with_label_values(&[name]),
            local: self.local.with_label_values(&[name]),
        }
    }

    pub(super) fn of_table(&self, name: &str) -> TableCounters {
        TableCounters {
            keys: self.keys.with_label_values(&[name]),
            evictions: self.evictions.with_label_values(&[name]),
        }
    }
}
