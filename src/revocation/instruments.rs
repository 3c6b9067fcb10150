//! The metrics of the list and of the logouts.

use prometheus::{Gauge, IntCounterVec, IntGauge};

use crate::{fetch::FetchError, telemetry::Metrics};

use super::ListError;

/// The metrics of the list, resolved once.
#[derive(Debug)]
pub(super) struct ListInstruments {
    entries: IntGauge,
    readings: IntCounterVec,
}

/// The outcomes of a reading that succeeded; [`ListError::CODES`] are the others.
pub(super) const CHANGED: &str = "changed";
pub(super) const UNCHANGED: &str = "unchanged";

const LIST: &str = "list";
const LOGOUT: &str = "logout";

impl ListInstruments {
    /// Every outcome starts at zero, so that the first failure shows as an increase.
    pub(super) fn new(metrics: &Metrics) -> Self {
        for outcome in [CHANGED, UNCHANGED].iter().chain(ListError::CODES).chain(FetchError::CODES)
        {
            metrics.revocation_refreshes.with_label_values(&[*outcome]);
        }
        Self {
            entries: metrics.revocation_entries.with_label_values(&[LIST]),
            readings: metrics.revocation_refreshes.clone(),
        }
    }

    pub(super) fn entries(&self, count: usize) {
        self.entries.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn read(&self, outcome: &str) {
        self.readings.with_label_values(&[outcome]).inc();
    }
}

/// The gauge of when the list was confirmed.
pub(super) fn confirmed_at(metrics: &Metrics) -> Gauge {
    metrics.revocation_confirmed_at.with_label_values(&[LIST])
}

/// The gauge of the entries that come from logouts.
pub(super) fn logout_entries(metrics: &Metrics) -> IntGauge {
    metrics.revocation_entries.with_label_values(&[LOGOUT])
}
