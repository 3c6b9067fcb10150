//! Assertions, and headers that name a user.

use prometheus::{IntCounter, IntCounterVec};

use crate::telemetry::{MetricRegistry, NO_LABELS};

/// What is counted of what upstreams receive.
#[derive(Debug)]
pub(crate) struct Metrics {
    assertions_signed: IntCounterVec,
    /// Identity headers that clients have sent, by header and product.
    pub(super) identity_headers: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            assertions_signed: metrics.counters(
                "assertions_signed_total",
                "Assertions signed for upstreams.",
                NO_LABELS,
            ),
            identity_headers: metrics.counters(
                "identity_headers_removed_total",
                "Requests from which an identity header of this or another proxy was removed.",
                &["header", "product"],
            ),
        }
    }

    pub(super) fn assertions_signed(&self) -> IntCounter {
        self.assertions_signed.with_label_values(NO_LABELS)
    }
}
