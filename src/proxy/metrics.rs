//! Connections.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use crate::{telemetry::MetricRegistry, wire::frames::flood::FloodKind};

/// What the proxy counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Open now.
    pub(super) open: IntGauge,
    /// Of these, the idle ones that are held with next to no memory.
    pub(super) parked: IntGauge,
    pub(super) accepted: IntCounter,
    pub(super) refused: IntCounter,
    /// By the kind of frame.
    pub(super) floods: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            open: metrics.int_gauge("connections", "Open downstream connections."),
            parked: metrics
                .int_gauge("connections_parked", "Idle connections held without buffers."),
            accepted: metrics
                .counter("connections_accepted_total", "Downstream connections accepted."),
            refused: metrics.counter(
                "connections_refused_total",
                "Downstream connections closed at once because the limit was reached.",
            ),
            floods: metrics.counters(
                "http2_floods_total",
                "HTTP/2 connections closed because of too many frames of a kind.",
                &["frames"],
            ),
        }
    }

    /// Shows every kind of flood, so that the first of one is an increase.
    pub(super) fn show_floods(&self) {
        for kind in FloodKind::ALL {
            self.floods.with_label_values(&[kind.name()]);
        }
    }
}
