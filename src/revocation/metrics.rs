//! The metrics of the list and of the logouts.

use prometheus::{
    GaugeVec, IntCounterVec, IntGauge, IntGaugeVec,
    core::{AtomicF64, AtomicI64},
};

use crate::{
    fetch::FetchError,
    telemetry::{MetricRegistry, StateGauge},
};

use super::ListError;

/// What is counted of revocation.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// By source: the list, or logouts.
    entries: IntGaugeVec,
    confirmed_at: GaugeVec,
    pub(super) refreshes: IntCounterVec,
}

/// Those of the list.
#[derive(Debug)]
pub(super) struct ListMetrics {
    entries: StateGauge<AtomicI64>,
    refreshes: IntCounterVec,
}

/// The outcomes of a reading that succeeded; [`ListError::CODES`] are the others.
pub(super) const CHANGED: &str = "changed";
pub(super) const UNCHANGED: &str = "unchanged";

/// The source that is the list.
pub(crate) const LIST_SOURCE: &str = "list";
const LOGOUT: &str = "logout";

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            entries: metrics.int_gauges(
                "revocation_entries",
                "Entries by which tokens are revoked.",
                &["source"],
            ),
            confirmed_at: metrics.gauges(
                "revocation_confirmed_timestamp_seconds",
                "Unix time at which the revocation list was last confirmed by its source.",
                &["source"],
            ),
            refreshes: metrics.counters(
                "revocation_refreshes_total",
                "Reads of the revocation list.",
                &["outcome"],
            ),
        }
    }

    /// Every outcome starts at zero, so that the first failure shows as an increase.
    pub(super) fn of_list(&self) -> ListMetrics {
        for outcome in [CHANGED, UNCHANGED].iter().chain(ListError::CODES).chain(FetchError::CODES)
        {
            self.refreshes.with_label_values(&[*outcome]);
        }
        ListMetrics {
            entries: StateGauge::new(&self.entries, &[LIST_SOURCE], 0),
            refreshes: self.refreshes.clone(),
        }
    }

    /// When the list was confirmed.
    pub(super) fn confirmed_at(&self) -> StateGauge<AtomicF64> {
        StateGauge::new(&self.confirmed_at, &[LIST_SOURCE], 0.0)
    }

    pub(super) fn logout_entries(&self) -> IntGauge {
        self.entries.with_label_values(&[LOGOUT])
    }
}

impl ListMetrics {
    pub(super) fn entries(&self, count: usize) {
        self.entries.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn show(&self) {
        self.entries.show();
    }

    pub(super) fn hide(&self) {
        self.entries.hide();
    }

    pub(super) fn read(&self, outcome: &str) {
        self.refreshes.with_label_values(&[outcome]).inc();
    }
}
