//! How long verdicts take, and logouts.

use prometheus::IntCounterVec;

use crate::telemetry::{DECISION_BOUNDS, DurationHistograms, MetricRegistry};

/// What is counted of tokens.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Seconds from a credential to its verdict, by algorithm and cache outcome.
    pub(super) verification: DurationHistograms,
    /// Back-channel logouts by issuer and outcome.
    pub(super) logouts: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            verification: metrics.durations(
                "verification_seconds",
                "Time to verify a credential.",
                &["algorithm", "cache"],
                DECISION_BOUNDS,
            ),
            logouts: metrics.counters(
                "logouts_total",
                "Back-channel logouts.",
                &["issuer", "outcome"],
            ),
        }
    }
}
