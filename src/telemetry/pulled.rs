//! Metrics whose values are somewhere already, and are read when they are scraped: they cost
//! nothing else.

use std::fmt;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricType};

use super::{
    family::{Family, Series},
    shards::Sharded,
};

/// Reads a value.
type Read = Box<dyn Fn() -> f64 + Send + Sync>;

/// A counter that is read.
pub(crate) struct PulledCounter(Read);

/// A gauge that is read.
pub(crate) struct PulledGauge(Read);

/// How many of something there are at the moment, where that changes with every request.
#[derive(Debug, Default)]
pub(crate) struct InFlightCount(Sharded<1>);

impl InFlightCount {
    /// One more.
    #[inline]
    pub(crate) fn enter(&self) {
        self.0.add(0, 1);
    }

    /// One less.
    #[inline]
    pub(crate) fn leave(&self) {
        self.0.add(0, 1_u64.wrapping_neg());
    }
}

impl PulledCounter {
    pub(super) fn new(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl PulledGauge {
    pub(super) fn new(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl Family<PulledCounter> {
    /// Shows a series with these values of the labels, in place of an earlier one. `read` must never
    /// give less than before.
    pub(crate) fn watch(&self, values: &[&str], read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.replace(values, PulledCounter::new(read));
    }
}

impl Family<PulledGauge> {
    /// Shows a series with these values of the labels, in place of an earlier one.
    pub(crate) fn watch(&self, values: &[&str], read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.replace(values, PulledGauge::new(read));
    }
}

impl Series for PulledCounter {
    const TYPE: MetricType = MetricType::COUNTER;

    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        let mut counter = Counter::default();
        counter.set_value((self.0)());
        let mut metric = Metric::from_label(labels);
        metric.set_counter(counter);
        vec![metric]
    }
}

impl Series for PulledGauge {
    const TYPE: MetricType = MetricType::GAUGE;

    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        vec![gauge(labels, (self.0)())]
    }
}

impl Series for InFlightCount {
    const TYPE: MetricType = MetricType::GAUGE;

    #[expect(clippy::cast_precision_loss, reason = "there are less than 2⁵³")]
    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        // For a moment more may seem to have left than entered, as the shards are read in turn.
        let now = self.0.total(0).cast_signed().max(0);
        vec![gauge(labels, now as f64)]
    }
}

fn gauge(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(gauge);
    metric
}

impl fmt::Debug for PulledCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PulledCounter")
    }
}

impl fmt::Debug for PulledGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PulledGauge")
    }
}
