//! Prometheus' families as OTLP has them.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric as MetricMessage,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
        number_data_point::Value,
    },
    resource::v1::Resource,
};
use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::span_messages::{scope, text};

/// When the sums began to count and when they were read, in nanoseconds since 1970.
type Times = (u64, u64);

/// The message with these families, as they were then.
pub(super) fn request(
    families: &[MetricFamily],
    resource: &Resource,
    at: u64,
) -> ExportMetricsServiceRequest {
    let times = (process_start(families), at);
    let scope_metrics = ScopeMetrics {
        scope: Some(scope()),
        metrics: families.iter().filter_map(|family| message(family, times)).collect(),
        ..ScopeMetrics::default()
    };
    let of_process = ResourceMetrics {
        resource: Some(resource.clone()),
        scope_metrics: vec![scope_metrics],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![of_process] }
}

/// When the process began, in nanoseconds since 1970; 0: it is not known.
fn process_start(families: &[MetricFamily]) -> u64 {
    let start = families.iter().find(|family| family.name() == "process_start_time_seconds");
    let seconds = start.and_then(|family| family.get_metric().first());
    let seconds = seconds.map_or(0.0, |metric| metric.get_gauge().get_value());
    u64::try_from(Duration::from_secs_f64(seconds.max(0.0)).as_nanos()).unwrap_or(0)
}

fn message(family: &MetricFamily, times: Times) -> Option<MetricMessage> {
    let metrics = family.get_metric().iter();
    let data = match family.get_field_type() {
        MetricType::COUNTER => Data::Sum(Sum {
            data_points: metrics
                .map(|it| number(it, it.get_counter().get_value(), times))
                .collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        MetricType::GAUGE => Data::Gauge(Gauge {
            data_points: metrics.map(|it| number(it, it.get_gauge().get_value(), times)).collect(),
        }),
        MetricType::HISTOGRAM => Data::Histogram(Histogram {
            data_points: metrics.map(|it| histogram(it, times)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let (name, description) = (family.name().to_owned(), family.help().to_owned());
    Some(MetricMessage { name, description, data: Some(data), ..MetricMessage::default() })
}

fn number(metric: &Metric, value: f64, (since, at): Times) -> NumberDataPoint {
    NumberDataPoint {
        attributes: labels(metric),
        start_time_unix_nano: since,
        time_unix_nano: at,
        value: Some(Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// Prometheus' buckets have what is in the smaller ones as well, and none without a bound: that is
/// the rest.
fn histogram(metric: &Metric, (since, at): Times) -> HistogramDataPoint {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    let (mut bounds, mut counts, mut smaller) = (Vec::new(), Vec::new(), 0);
    for bucket in histogram.get_bucket() {
        if bucket.upper_bound().is_finite() {
            bounds.push(bucket.upper_bound());
            counts.push(bucket.cumulative_count().saturating_sub(smaller));
            smaller = bucket.cumulative_count();
        }
    }
    counts.push(count.saturating_sub(smaller));
    HistogramDataPoint {
        attributes: labels(metric),
        start_time_unix_nano: since,
        time_unix_nano: at,
        count,
        sum: Some(histogram.get_sample_sum()),
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn labels(metric: &Metric) -> Vec<KeyValue> {
    metric.get_label().iter().map(|label| text(label.name(), label.value())).collect()
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram as Observed, HistogramOpts, core::Collector};

    use super::*;

    #[test]
    fn each_bucket_has_what_is_in_it_alone() {
        let opts = HistogramOpts::new("h", "help").buckets(vec![1.0, 2.0]);
        let observed = Observed::with_opts(opts).unwrap();
        for value in [0.5, 1.5, 1.5, 9.0] {
            observed.observe(value);
        }
        let request = request(&observed.collect(), &Resource::default(), 2);
        let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
        let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
        let point = &histogram.data_points[0];
        assert_eq!(point.explicit_bounds, [1.0, 2.0]);
        assert_eq!(point.bucket_counts, [1, 2, 1]);
        assert_eq!((point.count, point.sum), (4, Some(12.5)));
    }
}
