//! Signatures verified and made.

use prometheus::{IntCounter, IntCounterVec};

use crate::{jose::Dialect, telemetry::MetricRegistry};

/// What is counted of signatures.
#[derive(Debug)]
pub(crate) struct Metrics {
    verified: IntCounterVec,
    answers_signed: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            verified: metrics.counters(
                "signatures_verified_total",
                "Verified signatures over requests.",
                &["signature", "dialect"],
            ),
            answers_signed: metrics.counters(
                "answers_signed_total",
                "Responses to signed requests that were signed in turn.",
                &["signature"],
            ),
        }
    }

    /// By these rules, in the order of [`Dialect::ALL`].
    pub(super) fn verified(&self, rules: &str) -> Vec<IntCounter> {
        let counter = |dialect: &Dialect| self.verified.with_label_values(&[rules, dialect.name()]);
        Dialect::ALL.iter().map(counter).collect()
    }

    pub(super) fn answers_signed(&self, rules: &str) -> IntCounter {
        self.answers_signed.with_label_values(&[rules])
    }
}
