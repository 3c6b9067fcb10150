//! Metrics, exported from time to time: the families that `/metrics` shows.

use std::time::Duration;

use opentelemetry_proto::tonic::resource::v1::Resource;
use prometheus::IntGauge;
use prost::Message as _;
use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    metric_messages,
    receiver::{ExportVerdict, OtlpReceiver, Signal},
};
use crate::{clock::span_time, otel::settings::OtelSettings, telemetry::MetricRegistry};

/// Exports metrics until its token is cancelled.
#[derive(Debug)]
pub(super) struct PeriodicMetrics {
    receiver: OtlpReceiver,
    resource: Resource,
    registry: MetricRegistry,
    interval: Duration,
    failing: IntGauge,
    is_failing: bool,
}

impl PeriodicMetrics {
    pub(super) fn new(
        settings: &OtelSettings,
        resource: Resource,
        registry: &MetricRegistry,
        failing: IntGauge,
    ) -> Self {
        Self {
            receiver: OtlpReceiver::new(settings),
            resource,
            registry: registry.clone(),
            interval: settings.metrics_interval,
            failing,
            is_failing: false,
        }
    }

    pub(super) async fn run(mut self, ends: CancellationToken) {
        while !ends.is_cancelled() {
            select! {
                () = sleep(self.interval) => {}
                // What was counted last is exported as well.
                () = ends.cancelled() => {}
            }
            self.export().await;
        }
        // Nothing is exported any more, and so nothing fails.
        self.failing.set(0);
    }

    /// Sums are cumulative: what is not taken now is in the next export.
    async fn export(&mut self) {
        let families = self.registry.gather();
        let message =
            metric_messages::request(&families, &self.resource, span_time()).encode_to_vec();
        let problem = match self.receiver.send(Signal::Metrics, &message).await {
            ExportVerdict::Taken { .. } => None,
            ExportVerdict::NotNow { problem, .. } | ExportVerdict::Refused(problem) => {
                Some(problem)
            }
        };
        self.failing.set(problem.is_some().into());
        let was_failing = std::mem::replace(&mut self.is_failing, problem.is_some());
        let receiver = self.receiver.shown();
        match problem {
            Some(error) if !was_failing => {
                tracing::warn!(receiver, error, "metrics are not exported");
            }
            None if was_failing => tracing::info!(receiver, "metrics are exported again"),
            _ => {}
        }
    }
}
