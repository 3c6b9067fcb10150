//! The metrics of one issuer's keys, resolved once.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use crate::{fetch::FetchError, jose::SkippedKey, telemetry::Metrics};

use super::KeyError;

#[derive(Debug)]
pub(super) struct Instruments {
    issuer: String,
    keys: IntGauge,
    skipped: IntGaugeVec,
    refreshes: IntCounterVec,
}

/// The outcomes of a refresh that succeeded; [`KeyError::CODES`] are the others.
pub(super) const CHANGED: &str = "changed";
pub(super) const UNCHANGED: &str = "unchanged";

impl Instruments {
    /// `issuer` is the name in the configuration. Every outcome starts at zero, so that the first
    /// failure shows as an increase.
    pub(super) fn new(issuer: &str, metrics: &Metrics) -> Self {
        for outcome in [CHANGED, UNCHANGED].iter().chain(KeyError::CODES).chain(FetchError::CODES) {
            metrics.key_refreshes.with_label_values(&[issuer, *outcome]);
        }
        Self {
            issuer: issuer.to_owned(),
            keys: metrics.keys.with_label_values(&[issuer]),
            skipped: metrics.keys_skipped.clone(),
            refreshes: metrics.key_refreshes.clone(),
        }
    }

    pub(super) fn refreshed(&self, outcome: &str) {
        self.refreshes.with_label_values(&[self.issuer.as_str(), outcome]).inc();
    }

    pub(super) fn usable(&self, keys: usize) {
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
    }

    /// Counts the keys left out of the new set; reasons of the old one go back to zero.
    pub(super) fn skipped(&self, old: &[SkippedKey], new: &[SkippedKey]) {
        let gauge = |key: &SkippedKey| {
            self.skipped.with_label_values(&[self.issuer.as_str(), key.rejection.code()])
        };
        old.iter().chain(new).for_each(|key| gauge(key).set(0));
        for key in new {
            gauge(key).inc();
        }
    }
}
