//! The `OpenMetrics` 1.0 text format: with units, and with examples beside buckets.
//!
//! The `prometheus` crate has no exemplars and writes the older text format only. The crate that
//! has both, `prometheus-client`, knows other kinds of counters: all rooms would change, and what
//! is written here is less than that.

use std::fmt::Write;

use prometheus::proto::{Bucket, LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::Exemplar;

/// Its media type.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text";

/// The units that names end with.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// Finds the example of a bucket: by the family's name, the labels, and the bucket's position.
pub(super) type FindExemplar<'f> = &'f dyn Fn(&str, &[LabelPair], usize) -> Option<Exemplar>;

/// All families, as one document.
pub(super) fn encode(families: &[MetricFamily], find: FindExemplar<'_>) -> String {
    let mut document = OpenMetricsText { text: String::new(), find };
    for family in families {
        document.family(family);
    }
    document.text.push_str("# EOF\n");
    document.text
}

struct OpenMetricsText<'f> {
    text: String,
    find: FindExemplar<'f>,
}

/// Writing to a string does not fail.
macro_rules! put {
    ($text:expr, $($what:tt)*) => { let _ = write!($text, $($what)*); };
}

impl OpenMetricsText<'_> {
    fn family(&mut self, family: &MetricFamily) {
        let (name, kind) = name_and_type(family);
        put!(self.text, "# TYPE {name} {kind}\n");
        let is_unit =
            |unit: &&&str| name.strip_suffix(**unit).is_some_and(|rest| rest.ends_with('_'));
        if let Some(unit) = UNITS.iter().find(is_unit) {
            put!(self.text, "# UNIT {name} {unit}\n");
        }
        put!(self.text, "# HELP {name} ");
        escape(&mut self.text, family.help());
        self.text.push('\n');
        for metric in family.get_metric() {
            match family.get_field_type() {
                MetricType::HISTOGRAM => self.histogram(family.name(), metric),
                MetricType::COUNTER => {
                    self.sample(family.name(), metric, metric.get_counter().get_value());
                }
                _ => self.sample(family.name(), metric, metric.get_gauge().get_value()),
            }
        }
    }

    fn sample(&mut self, name: &str, metric: &Metric, value: f64) {
        self.text.push_str(name);
        self.labels(metric.get_label(), None);
        put!(self.text, " {value}\n");
    }

    fn histogram(&mut self, name: &str, metric: &Metric) {
        let histogram = metric.get_histogram();
        let count = histogram.get_sample_count();
        let buckets = histogram.get_bucket();
        for (position, bucket) in buckets.iter().enumerate() {
            self.bucket(name, metric, position, &bound(bucket), bucket.cumulative_count());
        }
        self.bucket(name, metric, buckets.len(), "+Inf", count);
        for (suffix, value) in [("_sum", histogram.get_sample_sum()), ("_count", as_value(count))] {
            put!(self.text, "{name}{suffix}");
            self.labels(metric.get_label(), None);
            put!(self.text, " {value}\n");
        }
    }

    fn bucket(&mut self, name: &str, metric: &Metric, position: usize, bound: &str, count: u64) {
        put!(self.text, "{name}_bucket");
        self.labels(metric.get_label(), Some(("le", bound)));
        put!(self.text, " {count}");
        if let Some(exemplar) = (self.find)(name, metric.get_label(), position) {
            self.exemplar(&exemplar);
        }
        self.text.push('\n');
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        let Exemplar { request_id, duration, at } = exemplar;
        self.text.push_str(" # {request_id=\"");
        escape(&mut self.text, request_id);
        put!(self.text, "\"}} {} {}", duration.as_secs_f64(), at.0);
    }

    fn labels(&mut self, labels: &[LabelPair], last: Option<(&str, &str)>) {
        let pairs = labels.iter().map(|label| (label.name(), label.value())).chain(last);
        let mut before = '{';
        for (name, value) in pairs {
            put!(self.text, "{before}{name}=\"");
            escape(&mut self.text, value);
            self.text.push('"');
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
    }
}

/// A counter's name has no `_total` and an info's no `_info`, which only their samples have.
fn name_and_type(family: &MetricFamily) -> (&str, &'static str) {
    let name = family.name();
    match family.get_field_type() {
        MetricType::COUNTER => (name.strip_suffix("_total").unwrap_or(name), "counter"),
        MetricType::HISTOGRAM => (name, "histogram"),
        _ => match name.strip_suffix("_info") {
            Some(name) => (name, "info"),
            None => (name, "gauge"),
        },
    }
}

/// The canonical form: with a decimal point.
fn bound(bucket: &Bucket) -> String {
    let bound = bucket.upper_bound().to_string();
    if bound.contains('.') { bound } else { bound + ".0" }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³")]
fn as_value(count: u64) -> f64 {
    count as f64
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::{
        Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, core::Collector as _,
    };

    use super::*;
    use crate::clock::UnixTime;

    fn encoded(families: &[MetricFamily]) -> String {
        encode(families, &|_, _, _| None)
    }

    #[test]
    fn a_counter_s_name_has_no_suffix_but_in_its_samples() {
        let opts = Opts::new("busy_seconds_total", "Time that \"workers\"\nwork.");
        let counters = IntCounterVec::new(opts, &["worker"]).unwrap();
        counters.with_label_values(&["a\"b\\c\n"]).inc_by(3);
        assert_eq!(
            encoded(&counters.collect()),
            "# TYPE busy_seconds counter\n# UNIT busy_seconds seconds\n\
             # HELP busy_seconds Time that \\\"workers\\\"\\nwork.\n\
             busy_seconds_total{worker=\"a\\\"b\\\\c\\n\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn a_gauge_and_an_info_are_shown_by_their_names() {
        let gauge = IntGauge::new("connections", "Open.").unwrap();
        let info = IntGauge::new("build_info", "Built.").unwrap();
        let families = [gauge.collect(), info.collect()].concat();
        assert_eq!(
            encoded(&families),
            "# TYPE connections gauge\n# HELP connections Open.\nconnections 0\n\
             # TYPE build info\n# HELP build Built.\nbuild_info 0\n# EOF\n"
        );
    }

    #[test]
    fn buckets_have_canonical_bounds_and_examples() {
        let opts = HistogramOpts::new("wait_seconds", "Waits.").buckets(vec![0.5, 1.0]);
        let histogram = Histogram::with_opts(opts).unwrap();
        histogram.observe(0.75);
        let example = Exemplar {
            request_id: "abc".to_owned(),
            duration: Duration::from_millis(750),
            at: UnixTime(1_500),
        };
        let find = |name: &str, labels: &[LabelPair], bucket| {
            let is_meant = name == "wait_seconds" && labels.is_empty() && bucket == 1;
            is_meant.then(|| example.clone())
        };
        assert_eq!(
            encode(&histogram.collect(), &find),
            "# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\n\
             # HELP wait_seconds Waits.\nwait_seconds_bucket{le=\"0.5\"} 0\n\
             wait_seconds_bucket{le=\"1.0\"} 1 # {request_id=\"abc\"} 0.75 1500\n\
             wait_seconds_bucket{le=\"+Inf\"} 1\nwait_seconds_sum 0.75\nwait_seconds_count 1\n\
             # EOF\n"
        );
    }
}
