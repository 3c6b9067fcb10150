//! Which requests are sampled, and where their spans go.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{
    Exporter, Metrics, RequestSpans, Sampler, metrics::SpanMetrics, settings::OtelSettings,
};
use crate::{
    readiness::{Dependency, DependencyKind},
    telemetry::MetricRegistry,
};

/// Why spans are not exported at present, as the exporter has seen it last.
pub(super) type ExportTrouble = Arc<Mutex<Option<String>>>;

/// The sampling of one configuration, and the queue to its exporter. The exporter ends when the
/// last tracer of its queue is gone.
#[derive(Debug)]
pub struct Tracer {
    settings: OtelSettings,
    queue: mpsc::Sender<Box<RequestSpans>>,
    metrics: SpanMetrics,
    exporter: Mutex<Option<Box<Exporter>>>,
    receiver: String,
    trouble: ExportTrouble,
}

impl Tracer {
    /// The tracer of these settings. `metrics`: what is exported, if that is wanted.
    pub fn new(settings: &OtelSettings, metrics: &MetricRegistry) -> Self {
        let counted = Metrics::register(metrics);
        let (queue, waiting) = mpsc::channel(settings.queue);
        let exporter = Exporter::new(settings, waiting, &counted, metrics);
        Self {
            settings: settings.clone(),
            queue,
            metrics: counted.of_spans(),
            receiver: exporter.receiver(),
            trouble: exporter.trouble(),
            exporter: Mutex::new(Some(Box::new(exporter))),
        }
    }

    /// Whether the receiver takes spans. No request depends on it.
    pub fn dependency(&self) -> Dependency {
        let trouble = self.trouble.lock().clone();
        Dependency::optional(DependencyKind::TraceReceiver, &self.receiver, trouble)
    }

    /// Whether it is the tracer of these settings.
    pub fn is_of(&self, settings: &OtelSettings) -> bool {
        self.settings == *settings
    }

    /// Whether a request is sampled. `parent`: what a trusted peer has decided. The others are drawn
    /// by their worker's `sampler`.
    pub fn samples(&self, parent: Option<bool>, sampler: &Sampler, draw: impl Fn() -> f64) -> bool {
        match parent {
            Some(is_sampled) if self.settings.parent_based => is_sampled,
            _ => sampler.samples(self.settings.sample, draw),
        }
    }

    /// A request has ended. Without room for its spans they are dropped, and counted.
    pub fn take(&self, spans: RequestSpans) {
        let count = spans.spans.len() as u64;
        if self.queue.try_send(Box::new(spans)).is_err() {
            self.metrics.queue_full.inc_by(count);
        }
    }

    /// What exports, once.
    pub fn exporter(&self) -> Option<Box<Exporter>> {
        self.exporter.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracer(sample: f64, parent_based: bool) -> Tracer {
        let endpoint = http::Uri::from_static("http://127.0.0.1:4318");
        let settings = OtelSettings {
            sample,
            parent_based,
            queue: 1,
            ..OtelSettings::of_receiver(endpoint, false)
        };
        Tracer::new(&settings, &MetricRegistry::default())
    }

    #[test]
    fn a_trusted_peer_decides_and_the_share_where_there_is_none() {
        for (sample, parent_based, parent, draw, expected) in [
            (0.0, true, Some(true), 0.5, true),
            (1.0, true, Some(false), 0.5, false),
            (0.3, true, None, 0.2, true),
            (0.3, true, None, 0.3, false),
            (0.0, true, None, 0.0, false),
            (1.0, false, Some(false), 0.999, true),
            (0.0, false, Some(true), 0.0, false),
        ] {
            let is_sampled =
                tracer(sample, parent_based).samples(parent, &Sampler::default(), || draw);
            assert_eq!(is_sampled, expected, "{sample} {parent_based} {parent:?} {draw}");
        }
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_dropped_and_counted() {
        let tracer = tracer(1.0, true);
        for _ in 0..3 {
            tracer.take(RequestSpans { trace_id: [1; 16], spans: Vec::new() });
        }
        assert_eq!(tracer.metrics.queue_full.get(), 0, "there were no spans in them");
        let open = crate::otel::OpenSpans::begin(None, 1, tokio::time::Instant::now(), 0);
        tracer.take(open.end("GET".into(), Vec::new(), false));
        assert_eq!(tracer.metrics.queue_full.get(), 1);
    }
}
