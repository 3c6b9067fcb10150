//! Handshakes with upstreams, and the certificates that they show.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

use crate::telemetry::{ListedFamily, MetricRegistry};

/// What is counted of TLS.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// By upstream and outcome.
    pub(super) handshakes: IntCounterVec,
    /// By upstream.
    pub(super) expiry: GaugeVec,
    /// By upstream and what is verified.
    pub(super) verification: IntGaugeVec,
    /// By the setting of their file.
    pub(super) certificates: ListedFamily,
    /// By the setting of their file.
    pub(super) revocation_lists: ListedFamily,
}

impl Metrics {
    pub(crate) fn register(metrics: &MetricRegistry) -> Self {
        Self {
            handshakes: metrics.counters(
                "upstream_tls_handshakes_total",
                "TLS handshakes with upstreams.",
                &["upstream", "outcome"],
            ),
            expiry: metrics.gauges(
                "upstream_certificate_expiry_timestamp_seconds",
                "When the certificate expires that an upstream showed last, in Unix time.",
                &["upstream"],
            ),
            verification: metrics.int_gauges(
                "upstream_tls_verification",
                "1 for what is verified of an upstream's certificate: all (full) or its key (spki).",
                &["upstream", "verify"],
            ),
            certificates: metrics.listed_gauges(
                "certificate_expiry_timestamp_seconds",
                "When the first certificate of a file expires, in Unix time.",
                "setting",
            ),
            revocation_lists: metrics.listed_gauges(
                "crl_next_update_timestamp_seconds",
                "When the first revocation list of a file has to be renewed, in Unix time.",
                "setting",
            ),
        }
    }
}
