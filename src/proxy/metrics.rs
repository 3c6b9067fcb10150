//! Connections.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::telemetry::MetricRegistry;

/// What the proxy counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Open now.
    pub(super) open: IntGauge,
    /// Of these, the idle ones that are held with next to no memory.
    pub(super) parked: IntGauge,
    pub(super) accepted: IntCounter,
    pub(super) refused: IntCounter,
    /// Open now, by listener.
    pub(super) listener_connections: IntGaugeVec,
    /// By listener and cause.
    listener_refusals: IntCounterVec,
    /// By the kind of frame.
    pub(super) floods: IntCounterVec,
}

/// The connections that a listener closes at once, by the cause.
#[derive(Debug)]
pub(super) struct RefusedConnections {
    /// It has as many as it may.
    pub(super) limit: IntCounter,
    /// Their client has as many as it may.
    pub(super) address_limit: IntCounter,
    /// From a peer that is no listed load balancer, where the PROXY protocol is required.
    pub(super) proxy_peer: IntCounter,
    /// They begin with no PROXY header that has a client's address.
    pub(super) proxy_header: IntCounter,
    /// The listener is not in the configuration any more.
    pub(super) removed: IntCounter,
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
            listener_connections: metrics.int_gauges(
                "listener_connections",
                "Open downstream connections of a listener.",
                &["listener"],
            ),
            listener_refusals: metrics.counters(
                "listener_connections_refused_total",
                "Downstream connections that a listener closed at once.",
                &["listener", "cause"],
            ),
            floods: metrics.counters(
                "http2_floods_total",
                "HTTP/2 connections closed because of too many frames of a kind.",
                &["frames"],
            ),
        }
    }

    /// Those of one listener.
    pub(super) fn refused_by(&self, listener: &str) -> RefusedConnections {
        let counter = |cause| self.listener_refusals.with_label_values(&[listener, cause]);
        RefusedConnections {
            limit: counter("limit"),
            address_limit: counter("address_limit"),
            proxy_peer: counter("proxy_peer"),
            proxy_header: counter("proxy_header"),
            removed: counter("removed"),
        }
    }
}
