//! The metrics of a whole process.

use crate::{
    admin, decision, evidence, gate, identity, introspection, keys, limits, memory, otel, proxy,
    registry, resource, revocation, shared, signature,
    telemetry::{Family, FamilyDescription, MetricRegistry, PulledCounter},
    tls, token, upstream, upstream_credential,
};

use super::{clock_steps::ClockWatch, reload::ReloadMetrics};

/// Registers the metrics of every room, before any of them counts: those without labels are shown
/// as 0 from the start, whether their feature is used or not.
pub(super) fn register_all(metrics: &MetricRegistry) {
    admin::Metrics::register(metrics);
    decision::Metrics::register(metrics);
    ClockWatch::register(metrics);
    ReloadMetrics::register(metrics);
    evidence::Metrics::register(metrics);
    gate::Metrics::register(metrics);
    identity::Metrics::register(metrics);
    introspection::Metrics::register(metrics);
    keys::Metrics::register(metrics);
    limits::Metrics::register(metrics);
    memory::Metrics::register(metrics);
    otel::Metrics::register(metrics);
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
    busy_time(metrics);
}

/// Every family that a process can show, by its name.
pub fn metric_families() -> Vec<FamilyDescription> {
    let metrics = MetricRegistry::default();
    metrics.watch_dropped_log_lines(|| 0);
    register_all(&metrics);
    metrics.families()
}

/// How long each worker has worked.
pub(super) fn busy_time(metrics: &MetricRegistry) -> Family<PulledCounter> {
    metrics.pulled_counters(
        "worker_busy_seconds_total",
        "Time that a worker did not wait for anything.",
        &["worker"],
    )
}

#[cfg(test)]
mod tests {
    use std::{env, fs, sync::Arc};

    use super::*;
    use crate::{
        clock::SystemClock,
        lifecycle::{Server, ServerParts},
        settings::{Sources, load},
        telemetry::COMMIT,
    };

    /// Every family with one series, whose labels have their own names as values.
    const EVERY_FAMILY: &str = include_str!("metrics/every_family.prom");

    fn registered() -> MetricRegistry {
        let metrics = MetricRegistry::default();
        metrics.watch_dropped_log_lines(|| 0);
        register_all(&metrics);
        metrics
    }

    /// The series that have no labels, without those of the process.
    fn unlabelled(text: &str) -> Vec<&str> {
        let is_unlabelled = |line: &&str| !line.starts_with(['#', 'p']) && !line.contains('{');
        text.lines().filter(is_unlabelled).collect()
    }

    /// The figures of the process are other ones each time.
    fn without_figures(text: &str) -> String {
        let shown = |line: &str| match line.split_once(' ') {
            Some((name, _)) if name.starts_with("process_") => format!("{name} 0\n"),
            _ => format!("{line}\n"),
        };
        text.lines().map(shown).collect()
    }

    /// Dashboards and alerts depend on names, helps, labels and buckets.
    #[test]
    fn every_family_is_as_operators_know_it() {
        let metrics = registered();
        metrics.show_every_family();
        let shown = without_figures(&metrics.render());
        let build = [("VERSION", env!("CARGO_PKG_VERSION")), ("COMMIT", COMMIT)];
        let build = build.map(|(name, value)| (format!("=\"{name}\""), format!("=\"{value}\"")));
        if env::var_os("UPDATE_DOCS").is_some() {
            let generic = build.iter().fold(shown, |text, (name, it)| text.replace(it, name));
            fs::write("src/lifecycle/metrics/every_family.prom", generic).unwrap();
            return;
        }
        let expected =
            build.iter().fold(EVERY_FAMILY.to_owned(), |text, (name, it)| text.replace(name, it));
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_has_no_labels_and_belongs_to_no_feature_is_shown_from_the_start() {
        let text = registered().render();
        let shown = unlabelled(&text);
        assert!(shown.contains(&"countersign_connections 0"), "{shown:#?}");
        assert!(!shown.contains(&"countersign_shared_connected 0"), "{shown:#?}");
        let known = unlabelled(EVERY_FAMILY);
        assert!(
            shown.iter().all(|line| known.contains(line) || line.ends_with(" 1")),
            "{shown:#?}"
        );
        let labelled = text.lines().filter(|line| !line.starts_with('#') && line.contains('{'));
        for line in labelled {
            assert!(line.contains("{le=") || line.contains("version="), "{line}");
        }
    }

    /// A series of what is not configured would be an alert that means nothing.
    #[test]
    fn a_server_that_uses_none_of_the_features_shows_none_of_their_metrics() {
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
        let text = metrics.render();
        let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE countersign_"));
        let families = families.filter_map(|line| line.split(' ').next());
        let foreign = [
            "shared",
            "evidence",
            "held",
            "assertion",
            "answers_signed",
            "introspection",
            "key",
            "logout",
            "registry",
            "revocation_confirmed",
            "revocation_refreshes",
            "signature",
            "certificate",
            "crl",
            "limit",
            "otel",
            "upstream_endpoint",
            "upstream_tls",
            "upstream_credential",
            "resource",
        ];
        let unused = families.filter(|family| foreign.iter().any(|it| family.starts_with(it)));
        assert_eq!(unused.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn rooms_that_are_registered_again_count_on() {
        let metrics = registered();
        metrics.show_every_family();
        let before = without_figures(&metrics.render());
        register_all(&metrics);
        assert_eq!(without_figures(&metrics.render()), before);
    }
}
