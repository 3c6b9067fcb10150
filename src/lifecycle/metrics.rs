//! The metrics of a whole process.

use crate::{
    admin, decision, evidence, gate, identity, introspection, keys, limits, memory, proxy,
    registry, resource, revocation, shared, signature, telemetry::MetricRegistry, tls, token,
    upstream, upstream_credential,
};

use super::reload::ReloadMetrics;

/// Registers the metrics of every room, before any of them counts: those without labels are shown
/// as 0 from the start, whether their feature is used or not.
pub(super) fn register_all(metrics: &MetricRegistry) {
    admin::Metrics::register(metrics);
    decision::Metrics::register(metrics);
    ReloadMetrics::register(metrics);
    evidence::Metrics::register(metrics);
    gate::Metrics::register(metrics);
    identity::Metrics::register(metrics);
    introspection::Metrics::register(metrics);
    keys::Metrics::register(metrics);
    limits::Metrics::register(metrics);
    memory::Metrics::register(metrics);
    proxy::Metrics::register(metrics);
    registry::Metrics::register(metrics);
    resource::Metrics::register(metrics);
    revocation::Metrics::register(metrics);
    shared::Metrics::register(metrics);
    signature::Metrics::register(metrics);
    tls::Metrics::register(metrics);
    token::Metrics::register(metrics);
    upstream::Metrics::register(metrics);
    upstream_credential::Metrics::register(metrics);
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::{
        clock::SystemClock,
        lifecycle::{Server, ServerParts},
        settings::{Sources, load},
    };

    /// Every family with one series, whose labels have their own names as values.
    const EVERY_FAMILY: &str = include_str!("metrics/every_family.prom");

    fn registered() -> MetricRegistry {
        let metrics = MetricRegistry::default();
        metrics.watch_dropped_log_lines(|| 0);
        register_all(&metrics);
        metrics
    }

    /// The series that have no labels, with their values.
    fn unlabelled(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#') && !line.contains('{')).collect()
    }

    /// Dashboards and alerts depend on names, helps, labels and buckets.
    #[test]
    fn every_family_is_as_operators_know_it() {
        let metrics = registered();
        metrics.show_every_family();
        let expected = EVERY_FAMILY.replace("VERSION", env!("CARGO_PKG_VERSION"));
        assert_eq!(metrics.render(), expected);
    }

    #[test]
    fn what_has_no_labels_is_shown_from_the_start_and_nothing_else() {
        let text = registered().render();
        assert_eq!(unlabelled(&text), unlabelled(EVERY_FAMILY));
        let labelled = text.lines().filter(|line| !line.starts_with('#') && line.contains('{'));
        for line in labelled {
            assert!(line.contains("{le=") || line.contains("{version="), "{line}");
        }
    }

    #[test]
    fn a_server_that_uses_none_of_the_features_shows_their_metrics_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        let text = "server.listen = '127.0.0.1:0'\nadmin.listen = '127.0.0.1:0'\n\
                    upstreams.app.url = 'http://127.0.0.1:9'\n\
                    routes = [{ path = '/**', access = 'public' }]\n";
        fs::write(&file, text).unwrap();
        let sources = Sources { file: Some(file), ..Sources::default() };
        let settings = load(&sources).unwrap();
        let metrics = MetricRegistry::default();
        metrics.watch_dropped_log_lines(|| 0);
        let clock = Arc::new(SystemClock);
        let parts = ServerParts::of_program(clock, metrics.clone());
        let _server = Server::start_with(settings, parts).unwrap();
        // It becomes ready at some moment.
        let of = |text: &str| -> Vec<String> {
            let lines = unlabelled(text).into_iter();
            lines
                .filter(|line| !line.starts_with("countersign_ready "))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(of(&metrics.render()), of(EVERY_FAMILY));
    }

    #[test]
    fn rooms_that_are_registered_again_count_on() {
        let metrics = registered();
        metrics.show_every_family();
        let before = metrics.render();
        register_all(&metrics);
        assert_eq!(metrics.render(), before);
    }
}
