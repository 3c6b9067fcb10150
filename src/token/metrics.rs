//! How long verdicts take, and logouts.

use prometheus::{HistogramVec, IntCounterVec};

use crate::telemetry::MetricRegistry;

/// What is counted of tokens.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Seconds from a credential to its verdict, by algorithm and cache outcome.
    pub(super) verification: HistogramVec,
    /// Back-channel logouts by issuer and outcome.
    pub(super) logouts: IntCounterVec,
}

/// From a cache hit (well under 1 µs) to RSA-8192.
const VERIFICATION_BUCKETS: &[f64] = &[
    1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 1e-1, 1.0, 5.0,
];

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            verification: metrics.histograms(
                "verification_seconds",
                "Time to verify a credential.",
                &["algorithm", "cache"],
                VERIFICATION_BUCKETS,
            ),
            logouts: metrics.counters(
                "logouts_total",
                "Back-channel logouts.",
                &["issuer", "outcome"],
            ),
        }
    }
}
