//! Answers, counted by the class of their status.

use std::sync::Arc;

use http::StatusCode;
use prometheus::proto::{Counter, LabelPair, Metric, MetricType};

use super::{
    family::{Family, Series, label},
    shards::Sharded,
};

/// The answers of one set of label values, each class a series.
#[derive(Debug, Default)]
pub(crate) struct StatusClasses(Sharded<{ CLASSES.len() }>);

/// The label that the class is in.
pub(super) const CLASS: &str = "class";

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl StatusClasses {
    /// Counts an answer.
    #[inline]
    pub(crate) fn count(&self, status: StatusCode) {
        // A client has to take a status beyond the known classes for a 5xx (RFC 9110 §15).
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        self.0.add(class.min(CLASSES.len() - 1), 1);
    }
}

impl Family<StatusClasses> {
    /// Those with these values of the labels, shown from now on.
    pub(crate) fn with_label_values(&self, values: &[&str]) -> Arc<StatusClasses> {
        self.find_or(values, StatusClasses::default)
    }
}

impl Series for StatusClasses {
    const TYPE: MetricType = MetricType::COUNTER;

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ answers")]
    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        let metric = |(position, class): (usize, &&str)| {
            let mut labels = labels.clone();
            labels.push(label(CLASS, class));
            let mut counter = Counter::default();
            counter.set_value(self.0.total(position) as f64);
            let mut metric = Metric::from_label(labels);
            metric.set_counter(counter);
            metric
        };
        CLASSES.iter().enumerate().map(metric).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_counted_in_its_class_and_an_unknown_one_as_a_failure() {
        let classes = StatusClasses::default();
        for status in [101, 200, 204, 308, 401, 403, 429, 502, 600, 999] {
            classes.count(StatusCode::from_u16(status).unwrap());
        }
        let shown = classes.show(vec![label("route", "app")]);
        let counts: Vec<_> = shown.iter().map(|it| it.get_counter().get_value()).collect();
        assert_eq!(counts, [1.0, 2.0, 1.0, 3.0, 3.0]);
        let labels: Vec<_> = shown[4].get_label().iter().map(LabelPair::value).collect();
        assert_eq!(labels, ["app", "5xx"]);
    }
}
