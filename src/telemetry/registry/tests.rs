use super::*;

impl MetricRegistry {
    /// Gives every family with labels one series, whose values are the labels' names.
    pub(crate) fn show_every_family(&self) {
        for family in self.0.families.lock().values() {
            let family = &**family;
            show::<IntCounterVec, _>(family, |family, values| family.with_label_values(values));
            show::<IntGaugeVec, _>(family, |family, values| family.with_label_values(values));
            show::<GaugeVec, _>(family, |family, values| family.with_label_values(values));
            show::<HistogramVec, _>(family, |family, values| family.with_label_values(values));
        }
    }
}

fn show<C: Collector + 'static, S>(family: &dyn Any, make: impl FnOnce(&C, &[&str]) -> S) {
    if let Some(family) = family.downcast_ref::<C>() {
        let labels = &family.desc()[0].variable_labels;
        make(family, &labels.iter().map(String::as_str).collect::<Vec<_>>());
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
fn the_first_source_of_dropped_log_lines_counts() {
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(|| 3);
    metrics.watch_dropped_log_lines(|| 4);
    let text = metrics.render();
    assert!(text.contains("\ncountersign_log_lines_dropped 3\n"), "{text}");
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
