//! The metrics of key sets.

use prometheus::{
    GaugeVec, IntCounterVec, IntGaugeVec,
    core::{AtomicF64, AtomicI64},
};

use crate::{
    fetch::FetchError,
    jose::SkippedKey,
    telemetry::{MetricRegistry, StateGauge},
};

use super::{KeyError, skipped_gauges::SkippedGauges};

/// What is counted of key sets, by issuer.
#[derive(Debug)]
pub(crate) struct Metrics {
    keys: IntGaugeVec,
    confirmed_at: GaugeVec,
    skipped: IntGaugeVec,
    refreshes: IntCounterVec,
}

/// Those of one set.
#[derive(Debug)]
pub(super) struct SetMetrics {
    issuer: String,
    keys: StateGauge<AtomicI64>,
    skipped: SkippedGauges,
    refreshes: IntCounterVec,
}

/// The outcomes of a refresh that succeeded; [`KeyError::CODES`] are the others.
pub(super) const CHANGED: &str = "changed";
pub(super) const UNCHANGED: &str = "unchanged";

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            keys: metrics.int_gauges("keys", "Usable keys.", &["issuer"]),
            confirmed_at: metrics.gauges(
                "keys_confirmed_timestamp_seconds",
                "Unix time at which the key source last confirmed the key set.",
                &["issuer"],
            ),
            skipped: metrics.int_gauges(
                "keys_skipped",
                "Keys of the key set that were left out.",
                &["issuer", "reason"],
            ),
            refreshes: metrics.counters(
                "key_refreshes_total",
                "Refreshes of a key set.",
                &["issuer", "outcome"],
            ),
        }
    }

    /// `issuer` is the name in the configuration. Every outcome starts at zero, so that the first
    /// failure shows as an increase.
    pub(super) fn of_set(&self, issuer: &str) -> SetMetrics {
        for outcome in [CHANGED, UNCHANGED].iter().chain(KeyError::CODES).chain(FetchError::CODES) {
            self.refreshes.with_label_values(&[issuer, *outcome]);
        }
        SetMetrics {
            issuer: issuer.to_owned(),
            keys: StateGauge::new(&self.keys, &[issuer], 0),
            skipped: SkippedGauges::new(&self.skipped, issuer),
            refreshes: self.refreshes.clone(),
        }
    }

    pub(super) fn confirmed_at(&self, issuer: &str) -> StateGauge<AtomicF64> {
        StateGauge::new(&self.confirmed_at, &[issuer], 0.0)
    }
}

impl SetMetrics {
    pub(super) fn refreshed(&self, outcome: &str) {
        self.refreshes.with_label_values(&[self.issuer.as_str(), outcome]).inc();
    }

    pub(super) fn usable(&self, keys: usize) {
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
    }

    /// Counts the keys left out of the set.
    pub(super) fn skipped(&self, keys: &[SkippedKey]) {
        self.skipped.set(keys.iter().map(|key| key.rejection.code()));
    }

    /// Shows the state of the set from now on.
    pub(super) fn show(&self) {
        self.keys.show();
        self.skipped.show();
    }

    /// Ends that.
    pub(super) fn hide(&self) {
        self.keys.hide();
        self.skipped.hide();
    }
}
