//! What is left of a configuration that is not in force, since another one has taken its place or it
//! was refused: tasks for requests that began before, and series of metrics.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::Mutex, time::sleep};

use crate::{
    gate::UNROUTED, policy::settings::RouteSettings, revocation::LIST_SOURCE, settings::Settings,
    signature::settings::SignatureSettings, tasks::RunningTasks, telemetry::MetricRegistry,
    upstream::settings::UpstreamSettings,
};

/// How long an earlier configuration's tasks run on: requests from before the change still wait for
/// their lookups. At the default deadlines none waits longer.
const RETIREMENT: Duration = Duration::from_secs(15);

/// The first part of a family's name (empty: of any), a label, and the values that the
/// configuration has for it.
type LabelNames = (&'static str, &'static str, BTreeSet<String>);

/// The configuration in force.
#[derive(Clone)]
pub(super) struct InForce {
    pub(super) settings: Arc<ArcSwap<Settings>>,
    /// Held while another one is applied: that has resolved its series already, and would count
    /// unseen in one that is removed.
    pub(super) applying: Arc<Mutex<()>>,
}

/// A configuration that a reload tries, whose tasks run. Dropped, it is not used: its tasks end, and
/// then the series of what only it has are removed.
pub(super) struct TriedConfiguration {
    /// `None`: it is in force.
    tasks: Option<RunningTasks>,
    settings: Arc<Settings>,
    current: InForce,
    metrics: MetricRegistry,
}

impl TriedConfiguration {
    pub(super) fn new(
        tasks: RunningTasks,
        settings: &Arc<Settings>,
        current: InForce,
        metrics: &MetricRegistry,
    ) -> Self {
        let (settings, metrics) = (Arc::clone(settings), metrics.clone());
        Self { tasks: Some(tasks), settings, current, metrics }
    }

    /// It is in force: its tasks.
    pub(super) fn adopted(mut self) -> RunningTasks {
        self.tasks.take().unwrap_or_default()
    }
}

impl Drop for TriedConfiguration {
    fn drop(&mut self) {
        let Some(tasks) = self.tasks.take() else { return };
        drop(tasks);
        let (unused, current) = (Arc::clone(&self.settings), self.current.clone());
        let metrics = self.metrics.clone();
        // Without a runtime, the process ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                sleep(RETIREMENT).await;
                remove_series(&unused, &current, &metrics).await;
            });
        }
    }
}

/// Ends an earlier configuration's tasks after a while. Then the series of what only it had are
/// removed, so that no alert is about what is not configured: until then requests and tasks of
/// before count in them.
pub(super) fn retire(
    tasks: RunningTasks,
    earlier: Arc<Settings>,
    current: InForce,
    metrics: MetricRegistry,
) {
    tokio::spawn(async move {
        sleep(RETIREMENT).await;
        drop(tasks);
        remove_series(&earlier, &current, &metrics).await;
    });
}

/// Removes the series of what `unused` has, and the configuration in force has not.
async fn remove_series(unused: &Settings, current: &InForce, metrics: &MetricRegistry) {
    let _settled = current.applying.lock().await;
    let current = current.settings.load();
    for families in sections(unused).difference(&sections(&current)) {
        metrics.remove_families(families);
    }
    for ((families, label, before), (.., now)) in names(unused).into_iter().zip(names(&current)) {
        metrics.remove_series(families, label, &before.difference(&now).cloned().collect());
    }
}

/// The first part of the names of families that have no name of the configuration as a label, by
/// the sections that the configuration has. Of evidence there are none: a journal is kept, with
/// what it counts in, for as long as a worker may write to it.
fn sections(settings: &Settings) -> BTreeSet<&'static str> {
    let shared = settings.shared.iter().map(|_| "shared_");
    let list = settings.revocation.list.iter().map(|_| "revocation_refreshes");
    shared.chain(list).collect()
}

/// Not of listeners: their connections outlive a reload, and keep the name under which the address
/// was bound.
fn names(settings: &Settings) -> [LabelNames; 11] {
    let issuers = || settings.issuers.iter();
    let signatures = || settings.signatures.iter();
    let signers = signatures().filter_map(SignatureSettings::key_owner).map(|owner| owner.name);
    let key_owners = issuers().map(|it| it.name.clone()).chain(signers);
    let introspected = issuers().filter(|issuer| issuer.introspection.is_some());
    let routes = settings.routes.all().iter().map(RouteSettings::label);
    let upstreams = || settings.upstreams.iter();
    let addresses = upstreams().flat_map(UpstreamSettings::addresses);
    let list = settings.revocation.list.iter().map(|_| LIST_SOURCE.to_owned());
    [
        ("", "route", routes.chain([UNROUTED.to_owned()]).collect()),
        ("", "upstream", upstreams().map(|it| it.name.clone()).collect()),
        ("upstream_endpoint", "endpoint", addresses.map(ToString::to_string).collect()),
        ("key", "issuer", key_owners.collect()),
        ("introspection", "issuer", introspected.map(|it| it.name.clone()).collect()),
        ("denials", "issuer", issuers().map(|it| it.name.clone()).collect()),
        ("", "signature", signatures().map(|it| it.name.clone()).collect()),
        ("", "limit", settings.limits.iter().map(|it| it.name.clone()).collect()),
        ("", "resource", settings.resources.iter().map(|it| it.name.clone()).collect()),
        (
            "",
            "credential",
            settings.upstream_credentials.iter().map(|it| it.name.clone()).collect(),
        ),
        ("revocation", "source", list.collect()),
    ]
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{
        settings::{Sources, load},
        tasks::Tasks,
        telemetry::NO_LABELS,
    };

    /// With keys of these issuers, and further lines.
    fn settings(issuers: &[&str], more: &str) -> Arc<Settings> {
        let mut text = "upstreams.app.url = 'http://127.0.0.1:1'\n\
                        routes = [{ path = '/**', access = 'public' }]\n"
            .to_owned();
        for name in issuers {
            let _ = write!(
                text,
                "[issuers.{name}]\nissuer = 'https://{name}.test'\naudiences = 'any'\n\
                 algorithms = ['RS256']\nkeys.jwks_url = 'http://127.0.0.1:1/'\n"
            );
        }
        text.push_str(more);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, text).unwrap();
        Arc::new(load(&Sources { file: Some(file), ..Sources::default() }).unwrap())
    }

    /// Series of these issuers, and whether both of each are shown.
    struct IssuerSeries {
        metrics: MetricRegistry,
        names: [&'static str; 4],
    }

    const SHOWN: (bool, bool) = (true, true);
    const REMOVED: (bool, bool) = (false, false);

    impl IssuerSeries {
        fn of(names: [&'static str; 4]) -> Self {
            let metrics = MetricRegistry::default();
            let keys = metrics.int_gauges("keys", "Usable keys.", &["issuer"]);
            let denials = metrics.counters("denials_total", "Denials.", &["reason", "issuer"]);
            for issuer in names {
                keys.with_label_values(&[issuer]).set(1);
                denials.with_label_values(&["token_expired", issuer]).inc();
            }
            Self { metrics, names }
        }

        fn shown(&self) -> [(bool, bool); 4] {
            let text = self.metrics.render();
            let of = |name| text.contains(&format!("countersign_keys{{issuer=\"{name}\"}}"));
            let refused = |name| text.contains(&format!("_total{{issuer=\"{name}\""));
            self.names.map(|name| (of(name), refused(name)))
        }
    }

    fn in_force(settings: Arc<Settings>) -> InForce {
        InForce { settings: Arc::new(ArcSwap::new(settings)), applying: Arc::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn x3_what_is_not_configured_any_more_is_shown_by_no_metric() {
        let series = IssuerSeries::of(["kept", "gone", "back", ""]);
        let current = in_force(settings(&["kept"], ""));
        let earlier = settings(&["kept", "gone", "back"], "");
        retire(RunningTasks::default(), earlier, current.clone(), series.metrics.clone());
        sleep(RETIREMENT / 2).await;
        assert_eq!(series.shown(), [SHOWN; 4], "requests of before count in them");
        let another = current.applying.lock().await;
        sleep(RETIREMENT).await;
        assert_eq!(series.shown(), [SHOWN; 4], "another is applied and may have them");
        current.settings.store(settings(&["kept", "back"], ""));
        drop(another);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(series.shown(), [SHOWN, REMOVED, SHOWN, SHOWN]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_a_configuration_had_that_was_not_used_is_shown_by_no_metric() {
        let series = IssuerSeries::of(["kept", "tried", "later", ""]);
        let current = in_force(settings(&["kept"], ""));
        let held = Arc::new(());
        let mut tasks = Tasks::default();
        let task = Arc::clone(&held);
        tasks.add(async move {
            std::future::pending::<()>().await;
            drop(task);
        });
        let tried = settings(&["kept", "tried", "later"], "");
        drop(TriedConfiguration::new(tasks.spawn(), &tried, current.clone(), &series.metrics));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&held), 1, "its tasks end at once");
        current.settings.store(settings(&["kept", "later"], ""));
        sleep(RETIREMENT).await;
        assert_eq!(series.shown(), [SHOWN, REMOVED, SHOWN, SHOWN]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_adopted_goes_on_and_is_shown() {
        let series = IssuerSeries::of(["kept", "tried", "new", ""]);
        let current = in_force(settings(&["kept"], ""));
        let tried = settings(&["kept", "tried"], "");
        let tasks = RunningTasks::default();
        drop(TriedConfiguration::new(tasks, &tried, current, &series.metrics).adopted());
        sleep(2 * RETIREMENT).await;
        assert_eq!(series.shown(), [SHOWN; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_series_of_a_section_end_with_it() {
        const SHARED: &str = "[shared]\nurl = 'redis://127.0.0.1:1'\nintegrity = 'none'\n";
        const LIST: &str = "[revocation]\nurl = 'http://127.0.0.1:1/'\n";
        let metrics = MetricRegistry::default();
        let connected = metrics.int_gauges("shared_connected", "Connected.", NO_LABELS);
        let reads = metrics.counters("revocation_refreshes_total", "Reads.", &["outcome"]);
        connected.with_label_values(NO_LABELS);
        reads.with_label_values(&["changed"]);
        let is_shown = |family: &str| metrics.render().contains(&format!("countersign_{family}"));
        let current = in_force(settings(&[], SHARED));
        let earlier = settings(&[], &format!("{SHARED}{LIST}"));
        retire(RunningTasks::default(), earlier, current.clone(), metrics.clone());
        sleep(2 * RETIREMENT).await;
        let shown = (is_shown("shared_connected"), is_shown("revocation_refreshes_total"));
        assert_eq!(shown, (true, false));
        current.settings.store(settings(&[], ""));
        retire(RunningTasks::default(), settings(&[], SHARED), current, metrics.clone());
        sleep(2 * RETIREMENT).await;
        assert!(!is_shown("shared_connected"), "an alert would be about it");
    }
}
