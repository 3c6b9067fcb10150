//! Sends what was sampled to the receiver. Runs on the control thread.
//!
//! Whatever the receiver does, it costs the queue, one batch, and one line in the log when it begins
//! and when it ends.

mod batch;
mod metric_messages;
mod periodic_metrics;
mod protobuf;
mod receiver;
mod span_messages;

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::{select, sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use self::{
    batch::NextBatch,
    periodic_metrics::PeriodicMetrics,
    receiver::{ExportVerdict, OtlpReceiver, Signal},
};
use super::{
    Metrics, RequestSpans, metrics::SpanMetrics, settings::OtelSettings, tracer::ExportTrouble,
};
use crate::telemetry::MetricRegistry;

/// Exports the spans of one queue, until it is closed.
#[derive(Debug)]
pub struct Exporter {
    waiting: mpsc::Receiver<Box<RequestSpans>>,
    receiver: OtlpReceiver,
    resource: Resource,
    metrics: SpanMetrics,
    periodic: Option<PeriodicMetrics>,
    trouble: ExportTrouble,
}

/// How long spans wait for others, to be sent with them.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How often a batch is sent before it is given up: 15 s after the first failure, and longer only
/// where the receiver says so.
const MAX_TRIES: u32 = 5;
/// Before the first repetition; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a receiver can ask for.
const MAX_PAUSE: Duration = Duration::from_mins(1);

impl Exporter {
    pub(super) fn new(
        settings: &OtelSettings,
        waiting: mpsc::Receiver<Box<RequestSpans>>,
        counted: &Metrics,
        registry: &MetricRegistry,
    ) -> Self {
        let resource = span_messages::resource(settings);
        let periodic = settings.metrics.then(|| {
            let failing = counted.metrics_failing();
            PeriodicMetrics::new(settings, resource.clone(), registry, failing)
        });
        Self {
            waiting,
            receiver: OtlpReceiver::new(settings),
            resource,
            metrics: counted.of_spans(),
            periodic,
            trouble: ExportTrouble::default(),
        }
    }

    /// The receiver, as it is shown.
    pub(super) fn receiver(&self) -> String {
        self.receiver.shown().to_owned()
    }

    /// Why spans are not exported; it follows the exports.
    pub(super) fn trouble(&self) -> ExportTrouble {
        Arc::clone(&self.trouble)
    }

    /// Exports until the queue is closed, or until `stop` and then what waits, each batch once.
    pub async fn run(mut self, stop: CancellationToken) {
        match self.periodic.take() {
            Some(periodic) => {
                let ends = stop.child_token();
                let metrics = periodic.run(ends.clone());
                let spans = async {
                    self.export(&stop).await;
                    ends.cancel();
                };
                tokio::join!(spans, metrics);
            }
            None => self.export(&stop).await,
        }
        // Nothing is exported any more, and so nothing fails.
        self.metrics.failing.set(0);
    }

    async fn export(&mut self, stop: &CancellationToken) {
        loop {
            // Not woken by each request: that would be a system call of its worker.
            select! {
                () = sleep(BATCH_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
            loop {
                match batch::next(&mut self.waiting) {
                    NextBatch::Spans(requests) => self.send(requests, stop).await,
                    NextBatch::Empty if stop.is_cancelled() => return,
                    NextBatch::Empty => break,
                    NextBatch::Closed => return,
                }
            }
        }
    }

    async fn send(&self, requests: Vec<RequestSpans>, stop: &CancellationToken) {
        let count: usize = requests.iter().map(|request| request.spans.len()).sum();
        let message = span_messages::request(&requests, &self.resource);
        // Not kept for as long as the receiver may take.
        drop(requests);
        let mut pause = FIRST_PAUSE;
        for tries in 1..=MAX_TRIES {
            match self.receiver.send(Signal::Traces, &message).await {
                ExportVerdict::Taken { rejected } => {
                    let rejected = rejected.min(count as u64);
                    self.metrics.exported.inc_by(count as u64 - rejected);
                    self.metrics.rejected.inc_by(rejected);
                    self.works();
                    return;
                }
                ExportVerdict::Refused(problem) => {
                    self.metrics.rejected.inc_by(count as u64);
                    self.fails(&problem);
                    return;
                }
                ExportVerdict::NotNow { problem, after } => {
                    self.fails(&problem);
                    if tries == MAX_TRIES || stop.is_cancelled() {
                        break;
                    }
                    select! {
                        () = sleep(after.unwrap_or(pause).clamp(pause, MAX_PAUSE)) => {}
                        () = stop.cancelled() => {}
                    }
                    pause *= 2;
                }
            }
        }
        self.metrics.failed.inc_by(count as u64);
    }

    fn fails(&self, problem: &str) {
        self.metrics.failing.set(1);
        let is_new = self.trouble.lock().replace(problem.to_owned()).is_none();
        if is_new {
            let receiver = self.receiver.shown();
            tracing::warn!(
                receiver,
                error = problem,
                "spans are not exported; requests are served as before"
            );
        }
    }

    fn works(&self) {
        self.metrics.failing.set(0);
        let was_failing = self.trouble.lock().take().is_some();
        if was_failing {
            let receiver = self.receiver.shown();
            tracing::info!(receiver, "spans are exported again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otel::Tracer;

    /// A reload that removes `[otel]`, or has another receiver.
    #[tokio::test]
    async fn an_exporter_that_has_ended_does_not_fail_any_more() {
        let (registry, endpoint) = (MetricRegistry::default(), "http://127.0.0.1:1");
        let settings = OtelSettings::of_receiver(endpoint.parse().unwrap(), true);
        let tracer = Tracer::new(&settings, &registry);
        let spans = crate::otel::OpenSpans::begin(None, 1, tokio::time::Instant::now(), 0);
        tracer.take(spans.end("GET".into(), Vec::new(), false));
        let (exporter, stop) = (tracer.exporter().unwrap(), CancellationToken::new());
        stop.cancel();
        drop(tracer);
        exporter.run(stop).await;
        let text = registry.render();
        assert!(text.contains("otel_spans_total{outcome=\"failed\"} 1\n"), "{text}");
        for signal in ["metrics", "traces"] {
            let works = format!("otel_export_failing{{signal=\"{signal}\"}} 0\n");
            assert!(text.contains(&works), "{text}");
        }
    }
}
