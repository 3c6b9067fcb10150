//! `/metrics`, in the format that the scraper prefers.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::ACCEPT};
use http_body_util::Full;

use super::{View, pages};
use crate::telemetry::OPEN_METRICS;

/// The Prometheus text exposition format.
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");
const OPEN_METRICS_TEXT: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The metrics.
pub(super) fn answer(headers: &HeaderMap, view: &View) -> Response<Full<Bytes>> {
    let (content_type, text) = if prefers_open_metrics(headers) {
        (OPEN_METRICS_TEXT, view.metrics.render_open_metrics())
    } else {
        (PROMETHEUS_TEXT, view.metrics.render())
    };
    pages::page(StatusCode::OK, content_type, text)
}

/// Whether `Accept` names `OpenMetrics`, with no less weight than plain text (RFC 9110 §12.5.1). A
/// wildcard does not name it: a browser is shown plain text.
fn prefers_open_metrics(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(|line| line.split(',')).map(weighted).collect();
    let weight = |wanted: &str| {
        let of = ranges.iter().filter(|(range, _)| range.eq_ignore_ascii_case(wanted));
        of.map(|(_, weight)| *weight).fold(0.0, f32::max)
    };
    let open_metrics = weight(OPEN_METRICS);
    open_metrics > 0.0 && open_metrics >= weight("text/plain")
}

/// A media range and its weight: 0 if that can't be read.
fn weighted(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    (range, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &[&'static str]) -> bool {
        let lines = accept.iter().map(|line| (ACCEPT, HeaderValue::from_static(line)));
        prefers_open_metrics(&lines.collect())
    }

    #[test]
    fn prometheus_is_given_open_metrics() {
        assert!(prefers(&["application/openmetrics-text;version=1.0.0,\
                           application/openmetrics-text;version=0.0.1;q=0.75,\
                           text/plain;version=0.0.4;q=0.5,*/*;q=0.1"]));
        assert!(prefers(&["text/plain", "Application/OpenMetrics-Text"]));
    }

    #[test]
    fn a_request_that_does_not_name_open_metrics_is_given_plain_text() {
        assert!(!prefers(&[]));
        assert!(!prefers(&["*/*"]));
        assert!(!prefers(&["text/html,application/xhtml+xml,*/*;q=0.8"]));
        assert!(!prefers(&["application/openmetrics-text;q=0", "text/plain;q=0"]));
        assert!(!prefers(&["application/openmetrics-text;q=0.5,text/plain"]));
        assert!(!prefers(&["application/openmetrics-text;q=odd"]));
    }
}
