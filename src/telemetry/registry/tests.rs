use std::time::Duration;

use super::*;
use crate::telemetry::{
    duration_histogram::{DurationHistograms, REQUEST_BOUNDS},
    family::{Family, Series},
    listed::ListedGauges,
    pulled::{PulledCounter, PulledGauge},
    status_classes::StatusClasses,
};

impl MetricRegistry {
    /// Gives every family with labels one series, whose values are the labels' names.
    pub(crate) fn show_every_family(&self) {
        for family in self.0.by_name.lock().values() {
            let family = &*family.collector;
            show::<IntCounterVec, _>(family, |family, values| family.with_label_values(values));
            show::<IntGaugeVec, _>(family, |family, values| family.with_label_values(values));
            show::<GaugeVec, _>(family, |family, values| family.with_label_values(values));
            show::<HistogramVec, _>(family, |family, values| family.with_label_values(values));
            show::<DurationHistograms, _>(family, |family, values| {
                family.with_label_values(values)
            });
            show_own(family, StatusClasses::default);
            show_listed(family);
            show_own(family, || PulledGauge::new(|| 0.0));
            show_own(family, || PulledCounter::new(|| 0.0));
        }
    }
}

fn show<C: Collector + 'static, S>(family: &dyn Any, make: impl FnOnce(&C, &[&str]) -> S) {
    if let Some(family) = family.downcast_ref::<C>() {
        let labels = &family.desc()[0].variable_labels;
        make(family, &labels.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn show_own<S: Series>(family: &dyn Any, make: impl FnOnce() -> S) {
    if let Some(family) = family.downcast_ref::<Family<S>>() {
        let labels = family.names().to_vec();
        family.find_or(&labels.iter().map(String::as_str).collect::<Vec<_>>(), make);
    }
}

fn show_listed(family: &dyn Any) {
    if let Some(family) = family.downcast_ref::<Family<ListedGauges>>() {
        let label = String::leak(family.desc()[0].variable_labels[0].clone());
        family.find_or(NO_LABELS, || ListedGauges::new(label, || vec![(label.to_owned(), 0.0)]));
    }
}

#[test]
fn a_family_that_is_asked_for_again_is_the_one_that_is_there() {
    let metrics = MetricRegistry::default();
    let requests = || metrics.clone().counters("requests_total", "Requests.", &["route"]);
    requests().with_label_values(&["/a/**"]).inc();
    requests().with_label_values(&["/a/**"]).inc();
    let text = metrics.render();
    assert!(text.contains("countersign_requests_total{route=\"/a/**\"} 2\n"), "{text}");
}

#[test]
fn the_last_source_of_dropped_log_lines_counts() {
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(|| 3);
    metrics.watch_dropped_log_lines(|| 4);
    let text = metrics.render();
    assert!(text.contains("\ncountersign_log_lines_dropped_total 4\n"), "{text}");
}

#[test]
fn an_example_is_shown_beside_its_own_bucket_alone() {
    let metrics = MetricRegistry::default();
    let durations = metrics.durations("wait_seconds", "Waits.", &["route"], REQUEST_BOUNDS);
    let [app, other] = ["app", "other"].map(|route| durations.with_label_values(&[route]));
    metrics.render_open_metrics();
    let id = |id: &str| Some(id.to_owned());
    app.observe_request(Duration::from_millis(150), || id("first"));
    app.observe_request(Duration::from_millis(151), || id("second"));
    other.observe_request(Duration::from_millis(1), || None);
    let text = metrics.render_open_metrics();
    let examples: Vec<_> = text.lines().filter(|line| line.contains(" # {")).collect();
    let [line] = examples[..] else { panic!("{examples:#?}") };
    let expected = "countersign_wait_seconds_bucket{route=\"app\",le=\"0.2\"} 2 \
                    # {request_id=\"first\"} 0.15 ";
    assert!(line.starts_with(expected), "{line}");
    assert!(!metrics.render().contains(" # {"));
}

#[test]
#[should_panic(expected = "the metric keys can't be registered: it stands for two families")]
fn a_name_is_of_one_kind() {
    let metrics = MetricRegistry::default();
    metrics.int_gauges("keys", "Usable keys.", &["issuer"]);
    metrics.counters("keys", "Usable keys.", &["issuer"]);
}

#[test]
#[should_panic(expected = "the metric keys can't be registered: it stands for two families")]
fn a_name_has_the_same_labels_everywhere() {
    let metrics = MetricRegistry::default();
    metrics.int_gauges("keys", "Usable keys.", &["issuer"]);
    metrics.int_gauges("keys", "Usable keys.", &["route"]);
}

#[test]
#[should_panic(expected = "the metric usable-keys can't be registered")]
fn a_name_that_prometheus_refuses_is_a_defect() {
    MetricRegistry::default().counter("usable-keys", "Usable keys.");
}
