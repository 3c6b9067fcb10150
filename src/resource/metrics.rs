//! Requests for metadata of resources.

use prometheus::IntCounterVec;

use crate::telemetry::MetricRegistry;

/// What is counted of resources.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By the name of the resource.
    pub(super) requests: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            requests: metrics.counters(
                "resource_metadata_requests_total",
                "Requests for the metadata of a protected resource.",
                &["resource"],
            ),
        }
    }
}
