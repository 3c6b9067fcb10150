//! Reloads, and the configuration in force.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use crate::{
    admin::control::{ReloadOutcome, ReloadTrigger, ReloadVerdict},
    clock::UnixTime,
    telemetry::MetricRegistry,
};

/// The outcomes that are counted, in the order of the page.
const OUTCOMES: [ReloadOutcome; 3] =
    [ReloadOutcome::Applied, ReloadOutcome::Refused, ReloadOutcome::Superseded];

/// Of a hash's digits, as many as a person compares.
const SHOWN_HASH: usize = 12;

/// What is counted of reloads.
#[derive(Debug, Clone)]
pub(in crate::lifecycle) struct ReloadMetrics {
    /// By trigger and outcome.
    attempts: IntCounterVec,
    last_success: IntGauge,
    last_successful: IntGauge,
    /// By hash: one series.
    config: IntGaugeVec,
}

impl ReloadMetrics {
    pub(in crate::lifecycle) fn register(metrics: &MetricRegistry) -> Self {
        let registered = Self {
            attempts: metrics.counters(
                "reload_attempts_total",
                "Reloads of the configuration.",
                &["trigger", "outcome"],
            ),
            last_success: metrics.int_gauge(
                "reload_last_success_timestamp_seconds",
                "When a reload was last applied, in Unix time; 0: not since the start.",
            ),
            last_successful: metrics.int_gauge(
                "reload_last_attempt_successful",
                "1 if the last reload was applied, or there was none; 0 if it was refused.",
            ),
            config: metrics.int_gauges(
                "config_info",
                "Constant 1, with the hash of the configuration in force as a label.",
                &["hash"],
            ),
        };
        // Only a start registers it: nothing has been refused.
        registered.last_successful.set(1);
        registered
    }

    /// The configuration of the start; every outcome is there from then on.
    pub(super) fn start(&self, hash: &str) {
        for trigger in ReloadTrigger::ALL {
            for outcome in OUTCOMES {
                self.attempts.with_label_values(&[trigger.name(), outcome.name()]);
            }
        }
        self.show(hash);
    }

    pub(super) fn count(&self, verdict: &ReloadVerdict, trigger: ReloadTrigger, now: UnixTime) {
        self.attempts.with_label_values(&[trigger.name(), verdict.outcome.name()]).inc();
        match verdict.outcome {
            ReloadOutcome::Applied => {
                self.last_success.set(now.0);
                self.last_successful.set(1);
                self.show(&verdict.config_hash);
            }
            ReloadOutcome::Refused => self.last_successful.set(0),
            ReloadOutcome::Superseded => {}
        }
    }

    fn show(&self, hash: &str) {
        self.config.reset();
        let shown = hash.get(..SHOWN_HASH).unwrap_or(hash);
        self.config.with_label_values(&[shown]).set(1);
    }
}
