//! How long something takes, as a histogram that costs a request next to nothing.

use std::{sync::Arc, time::Duration};

use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

use super::{
    exemplars::{Exemplar, ExemplarSlots, ScrapeCount},
    family::{Family, Series},
    shards::Sharded,
};

/// The upper bounds of the buckets in nanoseconds, ascending.
pub(crate) type DurationBounds = [u64; BOUNDS];

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// For what a client waits for. 100 ms, 300 ms, 1 s and others that objectives are made of are
/// bounds themselves: how many requests took no longer is exact.
pub(crate) const REQUEST_BOUNDS: &DurationBounds = &[
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    200 * MILLISECOND,
    300 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
];

/// For what this proxy adds itself: from a cached token to a provider that has to be asked, and
/// the waits for it that give up.
pub(crate) const DECISION_BOUNDS: &DurationBounds = &[
    MICROSECOND,
    2_500,
    5 * MICROSECOND,
    10 * MICROSECOND,
    25 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    2_500 * MICROSECOND,
    10 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    5 * SECOND,
];

/// Each more would be a series more for each route.
const BOUNDS: usize = 16;
/// Where what is longer than all bounds is counted.
const LONGER: usize = BOUNDS;
/// Where the nanoseconds are added up: for 584 years.
const SUM: usize = BOUNDS + 1;
const CELLS: usize = BOUNDS + 2;

/// The durations of one set of label values.
#[derive(Debug)]
pub(crate) struct DurationHistogram {
    bounds: &'static DurationBounds,
    cells: Sharded<CELLS>,
    exemplars: ExemplarSlots<{ LONGER + 1 }>,
}

/// Durations by labels.
#[derive(Debug, Clone)]
pub(crate) struct DurationHistograms {
    family: Family<DurationHistogram>,
    bounds: &'static DurationBounds,
    scrapes: ScrapeCount,
}

impl DurationHistograms {
    pub(super) fn new(
        family: Family<DurationHistogram>,
        bounds: &'static DurationBounds,
        scrapes: ScrapeCount,
    ) -> Self {
        Self { family, bounds, scrapes }
    }

    /// Those with these values of the labels, shown from now on.
    pub(crate) fn with_label_values(&self, values: &[&str]) -> Arc<DurationHistogram> {
        self.family.find_or(values, || DurationHistogram::new(self.bounds, self.scrapes.clone()))
    }

    /// Removes those with such labels.
    pub(super) fn remove_where(&self, is_removed: &dyn Fn(&[LabelPair]) -> bool) {
        self.family.remove_where(is_removed);
    }

    /// The example of a bucket, by its labels and its position.
    pub(super) fn exemplar(&self, labels: &[LabelPair], bucket: usize) -> Option<Exemplar> {
        self.family.of_labels(labels)?.exemplars.get(bucket)
    }
}

impl Collector for DurationHistograms {
    fn desc(&self) -> Vec<&Desc> {
        self.family.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.family.collect()
    }
}

impl DurationHistogram {
    pub(super) fn new(bounds: &'static DurationBounds, scrapes: ScrapeCount) -> Self {
        Self { bounds, cells: Sharded::default(), exemplars: ExemplarSlots::new(scrapes) }
    }

    /// Counts a duration.
    #[inline]
    pub(crate) fn observe(&self, duration: Duration) {
        self.count(nanoseconds(duration));
    }

    /// Counts the duration of a request. Its `id` may be shown beside the bucket that it is in, as
    /// an example; `None`: it must not be.
    #[inline]
    pub(crate) fn observe_request(&self, duration: Duration, id: impl FnOnce() -> Option<String>) {
        let bucket = self.count(nanoseconds(duration));
        if self.exemplars.is_due(bucket) {
            self.exemplars.fill(bucket, duration, id);
        }
    }

    #[inline]
    fn count(&self, nanoseconds: u64) -> usize {
        let bucket = self.bounds.partition_point(|bound| *bound < nanoseconds);
        self.cells.add_to_each([(bucket, 1), (SUM, nanoseconds)]);
        bucket
    }
}

impl Series for DurationHistogram {
    const TYPE: MetricType = MetricType::HISTOGRAM;

    #[expect(clippy::cast_precision_loss, reason = "a sum of durations is no count")]
    fn show(&self, labels: Vec<LabelPair>) -> Vec<Metric> {
        let mut count = 0;
        let buckets = self.bounds.iter().enumerate().map(|(position, bound)| {
            count += self.cells.total(position);
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / 1e9);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(count + self.cells.total(LONGER));
        histogram.set_sample_sum(self.cells.total(SUM) as f64 / 1e9);
        let mut metric = Metric::from_label(labels);
        metric.set_histogram(histogram);
        vec![metric]
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(durations: &DurationHistogram) -> Histogram {
        durations.show(Vec::new()).remove(0).get_histogram().clone()
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_that_is_not_below_it() {
        let durations = DurationHistogram::new(REQUEST_BOUNDS, ScrapeCount::default());
        for micros in [0, 500, 501, 100_000, 300_000, 30_000_000, 30_000_001] {
            durations.observe(Duration::from_micros(micros));
        }
        let shown = shown(&durations);
        let at = |bound: f64| {
            // Exactly that number, which its shortest text shows.
            let is_at = |bucket: &&Bucket| bucket.upper_bound().to_string() == bound.to_string();
            shown.get_bucket().iter().find(is_at).unwrap().cumulative_count()
        };
        let counts = [0.0005, 0.001, 0.05, 0.1, 0.2, 0.3, 10.0, 30.0].map(at);
        assert_eq!(counts, [2, 3, 3, 4, 4, 5, 5, 6]);
        assert_eq!(shown.get_sample_count(), 7);
        assert!((shown.get_sample_sum() - 60.401_002).abs() < 1e-9, "{shown:?}");
    }

    #[test]
    fn bounds_ascend() {
        for bounds in [REQUEST_BOUNDS, DECISION_BOUNDS] {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        }
    }

    #[test]
    fn a_duration_beyond_all_bounds_does_not_overflow() {
        let durations = DurationHistogram::new(DECISION_BOUNDS, ScrapeCount::default());
        durations.observe(Duration::MAX);
        assert_eq!(shown(&durations).get_sample_count(), 1);
    }
}
