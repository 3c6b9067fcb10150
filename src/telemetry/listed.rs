//! Gauges whose series are listed when they are scraped: there are as many as there is something to
//! show of.

use std::fmt;

use prometheus::proto::{Gauge, LabelPair, Metric, MetricType};

use super::{
    family::{Family, Series, label},
    registry::NO_LABELS,
};

/// The values of the only label, and of the gauges.
type List = Box<dyn Fn() -> Vec<(String, f64)> + Send + Sync>;

/// Gauges by one label.
pub(crate) struct ListedGauges {
    label: &'static str,
    list: List,
}

/// A family of them.
#[derive(Debug, Clone)]
pub(crate) struct ListedFamily {
    pub(super) family: Family<ListedGauges>,
    pub(super) label: &'static str,
}

impl ListedFamily {
    /// Shows what `list` lists, in place of an earlier list. A value of the label must not be
    /// listed twice.
    pub(crate) fn watch(&self, list: impl Fn() -> Vec<(String, f64)> + Send + Sync + 'static) {
        self.family.replace(NO_LABELS, ListedGauges::new(self.label, list));
    }
}

impl ListedGauges {
    pub(super) fn new(
        label: &'static str,
        list: impl Fn() -> Vec<(String, f64)> + Send + Sync + 'static,
    ) -> Self {
        Self { label, list: Box::new(list) }
    }
}

impl Series for ListedGauges {
    const TYPE: MetricType = MetricType::GAUGE;

    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        let metric = |(value, shown): (String, f64)| {
            let mut labels = labels.clone();
            labels.push(label(self.label, &value));
            let mut gauge = Gauge::default();
            gauge.set_value(shown);
            let mut metric = Metric::from_label(labels);
            metric.set_gauge(gauge);
            metric
        };
        (self.list)().into_iter().map(metric).collect()
    }
}

impl fmt::Debug for ListedGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedGauges").field("label", &self.label).finish_non_exhaustive()
    }
}
