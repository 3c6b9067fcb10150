//! The metrics and their registry. Labels come from the configuration and from closed sets,
//! never from a request (threats D-8).

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, PullingGauge, Registry, TextEncoder,
};

/// Every metric of the process. Cheap to clone; handles are resolved once, when a configuration
/// is compiled.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Requests by `route` and `outcome`.
    pub requests: IntCounterVec,
    /// Refusals by `reason` and `issuer`.
    pub denials: IntCounterVec,
    /// Seconds from a credential to its verdict, by `algorithm` and `cache` outcome.
    pub verification: HistogramVec,
    /// Unix time at which a key set was last confirmed by its source, by `issuer`.
    pub keys_confirmed_at: GaugeVec,
    /// Usable keys by `issuer`.
    pub keys: IntGaugeVec,
    /// Keys left out by `issuer` and `reason`.
    pub keys_skipped: IntGaugeVec,
    /// Refreshes by `issuer` and `outcome`.
    pub key_refreshes: IntCounterVec,
    /// Introspection requests sent, by `issuer` and `outcome`.
    pub introspections: IntCounterVec,
    /// Seconds that a question takes, by `issuer`.
    pub introspection_seconds: HistogramVec,
    /// 0 while an `issuer`'s introspection endpoint fails or refuses this proxy.
    pub introspection_up: IntGaugeVec,
    /// Verified signatures over requests, by `signature` (the rules) and `dialect`.
    pub signatures: IntCounterVec,
    /// Requests sent to registries of signers, by `signature` (the rules) and `outcome`.
    pub registry_lookups: IntCounterVec,
    /// Lines of the evidence journal by `outcome`.
    pub evidence_lines: IntCounterVec,
    /// Signed checkpoints in the evidence journal.
    pub evidence_checkpoints: IntCounter,
    /// Seconds until a group of lines is on disk.
    pub evidence_fsync: prometheus::Histogram,
    /// Bytes of request bodies that are held until their signature is verified.
    pub held_bytes: IntGauge,
    /// Answers to signed requests that were signed in turn, by `signature` (the rules).
    pub answers_signed: IntCounterVec,
    /// Assertions signed.
    pub assertions_signed: IntCounter,
    /// Entries by which tokens are revoked, by `source`: the list, or logouts.
    pub revocation_entries: IntGaugeVec,
    /// Unix time at which the revocation list was last confirmed by its source.
    pub revocation_confirmed_at: GaugeVec,
    /// Readings of the revocation list by `outcome`.
    pub revocation_refreshes: IntCounterVec,
    /// Back-channel logouts by `issuer` and `outcome`.
    pub logouts: IntCounterVec,
    /// Operations on the shared store by `operation` and `outcome`.
    pub shared_operations: IntCounterVec,
    /// 1 while there is a connection to the shared store.
    pub shared_connected: IntGauge,
    /// Seconds from the request's forwarding to the answer's header block, by `upstream`.
    pub upstream: HistogramVec,
    /// Open downstream connections.
    pub connections: IntGauge,
    /// Of these, the parked ones: idle, and held with next to no memory.
    pub connections_parked: IntGauge,
    /// Downstream connections accepted.
    pub connections_accepted: IntCounter,
    /// Downstream connections closed at once because the limit was reached.
    pub connections_refused: IntCounter,
}

/// Buckets for the verification alone: from a cache hit (well under 1 µs) to RSA-8192.
const VERIFICATION_BUCKETS: &[f64] = &[
    1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2, 1e-1, 1.0, 5.0,
];

/// Buckets for upstream answers: from a local socket to the default response deadline.
const UPSTREAM_BUCKETS: &[f64] = &[
    2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

impl Metrics {
    /// Registers every metric in a registry of its own.
    ///
    /// # Errors
    /// Never in practice: names and labels are constants, and tests make a `Metrics`.
    #[expect(clippy::too_many_lines, reason = "a table: one metric after the other")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let metrics = Self {
            requests: counters(&registry, "requests_total", "Requests.", &["route", "outcome"])?,
            denials: counters(
                &registry,
                "denials_total",
                "Requests refused by the gate.",
                &["reason", "issuer"],
            )?,
            verification: histograms(
                &registry,
                "verification_seconds",
                "Time to verify a credential.",
                &["algorithm", "cache"],
                VERIFICATION_BUCKETS,
            )?,
            keys_confirmed_at: gauges(
                &registry,
                "keys_confirmed_timestamp_seconds",
                "Unix time at which the key source last confirmed the key set.",
                &["issuer"],
            )?,
            keys: int_gauges(&registry, "keys", "Usable keys.", &["issuer"])?,
            keys_skipped: int_gauges(
                &registry,
                "keys_skipped",
                "Keys of the key set that were left out.",
                &["issuer", "reason"],
            )?,
            key_refreshes: counters(
                &registry,
                "key_refreshes_total",
                "Refreshes of a key set.",
                &["issuer", "outcome"],
            )?,
            introspections: counters(
                &registry,
                "introspections_total",
                "Introspection requests sent.",
                &["issuer", "outcome"],
            )?,
            introspection_seconds: histograms(
                &registry,
                "introspection_seconds",
                "Time from an introspection request to its response.",
                &["issuer"],
                UPSTREAM_BUCKETS,
            )?,
            introspection_up: int_gauges(
                &registry,
                "introspection_up",
                "0 while the introspection endpoint fails.",
                &["issuer"],
            )?,
            signatures: counters(
                &registry,
                "signatures_verified_total",
                "Verified signatures over requests.",
                &["signature", "dialect"],
            )?,
            registry_lookups: counters(
                &registry,
                "registry_lookups_total",
                "Requests sent to registries of signers.",
                &["signature", "outcome"],
            )?,
            evidence_lines: counters(
                &registry,
                "evidence_lines_total",
                "Lines of the evidence journal.",
                &["outcome"],
            )?,
            evidence_checkpoints: counter(
                &registry,
                "evidence_checkpoints_total",
                "Signed checkpoints in the evidence journal.",
            )?,
            evidence_fsync: histogram(
                &registry,
                "evidence_fsync_seconds",
                "Time until a group of lines is on disk.",
                UPSTREAM_BUCKETS,
            )?,
            held_bytes: int_gauge(
                &registry,
                "held_body_bytes",
                "Bytes of request bodies that are held until their signature is verified.",
            )?,
            answers_signed: counters(
                &registry,
                "answers_signed_total",
                "Responses to signed requests that were signed in turn.",
                &["signature"],
            )?,
            assertions_signed: counter(
                &registry,
                "assertions_signed_total",
                "Assertions signed for upstreams.",
            )?,
            revocation_entries: int_gauges(
                &registry,
                "revocation_entries",
                "Entries by which tokens are revoked.",
                &["source"],
            )?,
            revocation_confirmed_at: gauges(
                &registry,
                "revocation_confirmed_timestamp_seconds",
                "Unix time at which the revocation list was last confirmed by its source.",
                &["source"],
            )?,
            revocation_refreshes: counters(
                &registry,
                "revocation_refreshes_total",
                "Reads of the revocation list.",
                &["outcome"],
            )?,
            logouts: counters(
                &registry,
                "logouts_total",
                "Back-channel logouts.",
                &["issuer", "outcome"],
            )?,
            shared_operations: counters(
                &registry,
                "shared_operations_total",
                "Operations on the store that replicas share.",
                &["operation", "outcome"],
            )?,
            shared_connected: int_gauge(
                &registry,
                "shared_connected",
                "1 while the shared store is connected.",
            )?,
            upstream: histograms(
                &registry,
                "upstream_seconds",
                "Time from forwarding a request to the header block of its response.",
                &["upstream"],
                UPSTREAM_BUCKETS,
            )?,
            connections: int_gauge(&registry, "connections", "Open downstream connections.")?,
            connections_parked: int_gauge(
                &registry,
                "connections_parked",
                "Idle connections held without buffers.",
            )?,
            connections_accepted: counter(
                &registry,
                "connections_accepted_total",
                "Downstream connections accepted.",
            )?,
            connections_refused: counter(
                &registry,
                "connections_refused_total",
                "Downstream connections closed at once because the limit was reached.",
            )?,
            registry,
        };
        let build_info = opts("build_info", "Constant 1, with the version as a label.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        register(&metrics.registry, Gauge::with_opts(build_info)?)?.set(1.0);
        Ok(metrics)
    }

    /// Shows how many log lines were dropped, asked for at every scrape.
    ///
    /// # Errors
    /// If it is called twice.
    pub fn watch_dropped_log_lines(
        &self,
        dropped: impl Fn() -> usize + Send + Sync + 'static,
    ) -> Result<(), prometheus::Error> {
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ lines")]
        let gauge = PullingGauge::new(
            "countersign_log_lines_dropped",
            "Log lines that were not written because they came too fast.",
            Box::new(move || dropped() as f64),
        )?;
        self.registry.register(Box::new(gauge))
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("countersign")
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(opts(name, help), labels)?)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    register(registry, IntCounter::with_opts(opts(name, help))?)
}

fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<GaugeVec, prometheus::Error> {
    register(registry, GaugeVec::new(opts(name, help), labels)?)
}

fn int_gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    register(registry, IntGaugeVec::new(opts(name, help), labels)?)
}

fn int_gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    register(registry, IntGauge::with_opts(opts(name, help))?)
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, labels)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<prometheus::Histogram, prometheus::Error> {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(registry, prometheus::Histogram::with_opts(opts)?)
}

fn register<C>(registry: &Registry, collector: C) -> Result<C, prometheus::Error>
where
    C: prometheus::core::Collector + Clone + 'static,
{
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_and_renders() {
        let metrics = Metrics::new().unwrap();
        metrics.requests.with_label_values(&["/a/**", "forwarded"]).inc();
        let text = metrics.render();
        assert!(
            text.contains(r#"countersign_requests_total{outcome="forwarded",route="/a/**"} 1"#)
        );
        assert!(text.contains("countersign_build_info{version="));
    }
}
