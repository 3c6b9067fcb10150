//! The kinds of metrics that are our own.

use std::sync::Arc;

use prometheus::{
    core::{Desc, Describer as _},
    proto::{LabelPair, MetricType},
};

use super::{
    super::{
        duration_histogram::{DurationBounds, DurationHistograms},
        exemplars::Exemplar,
        family::{Family, Series},
        listed::ListedFamily,
        pulled::{InFlightCount, PulledCounter, PulledGauge},
        status_classes::{CLASS, StatusClasses},
    },
    FamilyKind, MetricRegistry, NAMESPACE, NO_LABELS, defect, opts,
};

impl MetricRegistry {
    /// Durations that requests wait for.
    pub(crate) fn durations(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
        bounds: &'static DurationBounds,
    ) -> DurationHistograms {
        let family = Family::new(described(name, help, labels), 0);
        let made = DurationHistograms::new(family, bounds, self.0.scrapes.clone());
        self.family(name, FamilyKind::Histogram, Ok(made))
    }

    /// Answers by the class of their status, which is a label besides `labels`.
    pub(crate) fn status_classes(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Family<StatusClasses> {
        self.own_family(name, help, &[labels, &[CLASS]].concat(), 1)
    }

    /// Gauges that are read when they are scraped.
    pub(crate) fn pulled_gauges(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Family<PulledGauge> {
        self.own_family(name, help, labels, 0)
    }

    /// Counters that are read when they are scraped.
    pub(crate) fn pulled_counters(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
    ) -> Family<PulledCounter> {
        self.own_family(name, help, labels, 0)
    }

    /// Gauges by one label that are listed when they are scraped.
    pub(crate) fn listed_gauges(
        &self,
        name: &'static str,
        help: &str,
        label: &'static str,
    ) -> ListedFamily {
        ListedFamily { family: self.own_family(name, help, &[label], 1), label }
    }

    /// How many there are at the moment, shown from the start.
    pub(crate) fn in_flight(&self, name: &'static str, help: &str) -> Arc<InFlightCount> {
        let family: Family<InFlightCount> = self.own_family(name, help, NO_LABELS, 0);
        family.find_or(NO_LABELS, InFlightCount::default)
    }

    /// Shows how many log lines were dropped, read at every scrape.
    pub fn watch_dropped_log_lines(&self, dropped: impl Fn() -> usize + Send + Sync + 'static) {
        let family = self.pulled_counters(
            "log_lines_dropped_total",
            "Log lines that were not written because they came too fast.",
            NO_LABELS,
        );
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ lines")]
        family.watch(NO_LABELS, move || dropped() as f64);
    }

    /// The example of a bucket.
    pub(super) fn exemplar(
        &self,
        name: &str,
        labels: &[LabelPair],
        bucket: usize,
    ) -> Option<Exemplar> {
        let name = name.strip_prefix(NAMESPACE)?.strip_prefix('_')?;
        let families = self.0.by_name.lock();
        let family = families.get(name)?.collector.downcast_ref::<DurationHistograms>()?;
        family.exemplar(labels, bucket)
    }

    fn own_family<S: Series>(
        &self,
        name: &'static str,
        help: &str,
        labels: &[&str],
        own_labels: usize,
    ) -> Family<S> {
        let kind = match S::TYPE {
            MetricType::COUNTER => FamilyKind::Counter,
            MetricType::HISTOGRAM => FamilyKind::Histogram,
            _ => FamilyKind::Gauge,
        };
        self.family(name, kind, Ok(Family::new(described(name, help, labels), own_labels)))
    }
}

fn described(name: &str, help: &str, labels: &[&str]) -> Desc {
    let labels = labels.iter().copied().map(str::to_owned).collect();
    let desc = opts(name, help).variable_labels(labels).describe();
    desc.unwrap_or_else(|error| defect(name, &error))
}
