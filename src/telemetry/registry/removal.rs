//! Series that are not shown any more, since the configuration does not have what they are of.

use std::collections::{BTreeSet, HashMap};

use prometheus::{
    Gauge, IntCounter, IntGauge,
    core::{Collector, MetricVec, MetricVecBuilder},
    proto::{LabelPair, Metric, MetricFamily},
};

use super::{
    super::{
        duration_histogram::DurationHistograms,
        family::{Family, Series},
        process::ProcessFigures,
    },
    MetricRegistry,
};

/// A family whose series can be removed.
pub(crate) trait RemovableSeries: Send {
    /// Removes those with such labels. What still counts in one of them is not shown.
    fn remove(&self, _is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        // Without labels there is one series, which is always shown.
    }
}

impl MetricRegistry {
    /// Removes the series that have one of these values in the label, of every family whose name
    /// begins with `families`. What is resolved with these values later begins at zero.
    pub(crate) fn remove_series(&self, families: &str, label: &str, values: &BTreeSet<String>) {
        if values.is_empty() {
            return;
        }
        let is_removed = |labels: &[LabelPair]| {
            labels.iter().any(|it| it.name() == label && values.contains(it.value()))
        };
        let by_name = self.0.by_name.lock();
        for (_, family) in by_name.iter().filter(|(name, _)| name.starts_with(families)) {
            if family.descriptions.iter().any(|it| it.labels.iter().any(|name| name == label)) {
                family.series.remove(&is_removed);
            }
        }
    }

    /// Removes every series of the families whose names begin with `families`. A family that always
    /// has one keeps it.
    pub(crate) fn remove_families(&self, families: &str) {
        let by_name = self.0.by_name.lock();
        for (_, family) in by_name.iter().filter(|(name, _)| name.starts_with(families)) {
            family.series.remove(&|_| true);
        }
    }
}

impl<B: MetricVecBuilder> RemovableSeries for MetricVec<B> {
    fn remove(&self, is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        let families = self.collect();
        let metrics = families.iter().flat_map(MetricFamily::get_metric);
        for labels in metrics.map(Metric::get_label).filter(|it| is_removed(it)) {
            let labels: HashMap<_, _> = labels.iter().map(|it| (it.name(), it.value())).collect();
            // Another thread may have removed it.
            let _ = Self::remove(self, &labels);
        }
    }
}

impl<S: Series> RemovableSeries for Family<S> {
    fn remove(&self, is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        self.remove_where(is_removed);
    }
}

impl RemovableSeries for DurationHistograms {
    fn remove(&self, is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        self.remove_where(is_removed);
    }
}

impl RemovableSeries for Gauge {}
impl RemovableSeries for IntCounter {}
impl RemovableSeries for IntGauge {}
impl RemovableSeries for ProcessFigures {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{NO_LABELS, REQUEST_BOUNDS};

    fn shown(metrics: &MetricRegistry) -> Vec<String> {
        let text = metrics.render();
        let lines = text.lines().filter(|line| line.starts_with("countersign_t_"));
        lines.filter(|line| !line.contains("le=")).map(str::to_owned).collect()
    }

    #[test]
    fn series_of_every_kind_are_removed_by_a_label_and_begin_again_at_zero() {
        let metrics = MetricRegistry::default();
        let counters = metrics.counters("t_a", "A.", &["kind", "route"]);
        let durations = metrics.durations("t_b", "B.", &["route"], REQUEST_BOUNDS);
        let classes = metrics.status_classes("t_c", "C.", &["upstream"]);
        let pulled = metrics.pulled_gauges("t_d", "D.", &["route"]);
        for route in ["kept", "gone"] {
            counters.with_label_values(&["gone", route]).inc();
            durations.with_label_values(&[route]).observe(Duration::ZERO);
            pulled.watch(&[route], || 7.0);
        }
        classes.with_label_values(&["gone"]);
        let gone = BTreeSet::from(["gone".to_owned()]);
        let before = shown(&metrics);
        metrics.remove_series("t_a", "upstream", &gone);
        metrics.remove_series("t_x", "route", &gone);
        assert_eq!(shown(&metrics), before);
        metrics.remove_series("t_", "route", &gone);
        let kept = before.into_iter().filter(|line| !line.contains("route=\"gone\""));
        assert_eq!(shown(&metrics), kept.collect::<Vec<_>>());
        counters.with_label_values(&["gone", "gone"]);
        let again = "countersign_t_a{kind=\"gone\",route=\"gone\"} 0".to_owned();
        assert!(shown(&metrics).contains(&again));
    }

    #[test]
    fn all_series_of_a_section_are_removed_those_without_labels_too() {
        let metrics = MetricRegistry::default();
        let state = metrics.int_gauges("t_section_state", "State.", NO_LABELS);
        let counts = metrics.counters("t_section_total", "Counts.", &["outcome"]);
        let other = metrics.int_gauges("t_other", "Other.", NO_LABELS);
        state.with_label_values(NO_LABELS).set(1);
        counts.with_label_values(&["done"]).inc();
        other.with_label_values(NO_LABELS).set(1);
        metrics.remove_families("t_section_");
        assert_eq!(shown(&metrics), ["countersign_t_other 1"]);
        state.with_label_values(NO_LABELS);
        assert!(shown(&metrics).contains(&"countersign_t_section_state 0".to_owned()));
    }
}
