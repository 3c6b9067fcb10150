//! What is left of a configuration when another one has taken its place: tasks for requests that
//! began before, and series of metrics.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, time::sleep};

use crate::{
    gate::UNROUTED, policy::settings::RouteSettings, revocation::LIST_SOURCE, settings::Settings,
    signature::settings::SignatureSettings, tasks::RunningTasks, telemetry::MetricRegistry,
    token::issuer::settings::IssuerSettings, upstream::settings::UpstreamSettings,
};

/// How long an earlier configuration's tasks run on: requests from before the change still wait for
/// their lookups. At the default deadlines none waits longer.
const RETIREMENT: Duration = Duration::from_secs(15);

/// The first part of a family's name (empty: of any), a label, and the values that the
/// configuration has for it.
type LabelNames = (&'static str, &'static str, BTreeSet<String>);

/// The configuration in force.
pub(super) struct InForce {
    pub(super) settings: Arc<ArcSwap<Settings>>,
    /// Held while another one is applied: that has resolved its series already, and would count
    /// unseen in one that is removed.
    pub(super) applying: Arc<Mutex<()>>,
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
        let _settled = current.applying.lock().await;
        remove_series(&earlier, &current.settings.load(), &metrics);
    });
}

fn remove_series(earlier: &Settings, current: &Settings, metrics: &MetricRegistry) {
    for ((families, label, before), (.., now)) in names(earlier).into_iter().zip(names(current)) {
        metrics.remove_series(families, label, &before.difference(&now).cloned().collect());
    }
}

/// Not of listeners: their connections outlive a reload, and keep the name under which the address
/// was bound.
fn names(settings: &Settings) -> [LabelNames; 11] {
    let issuers = || settings.issuers.iter();
    let signatures = || settings.signatures.iter();
    let key_owners = issuers().filter_map(IssuerSettings::key_owner);
    let key_owners = key_owners.chain(signatures().filter_map(SignatureSettings::key_owner));
    let introspected = issuers().filter(|issuer| issuer.introspection.is_some());
    let routes = settings.routes.all().iter().map(RouteSettings::label);
    let upstreams = || settings.upstreams.iter();
    let addresses = upstreams().flat_map(UpstreamSettings::addresses);
    let list = settings.revocation.list.iter().map(|_| LIST_SOURCE.to_owned());
    [
        ("", "route", routes.chain([UNROUTED.to_owned()]).collect()),
        ("", "upstream", upstreams().map(|it| it.name.clone()).collect()),
        ("upstream_endpoint", "endpoint", addresses.map(ToString::to_string).collect()),
        ("key", "issuer", key_owners.map(|owner| owner.name).collect()),
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
    use crate::settings::{Sources, load};

    /// With keys of these issuers.
    fn settings(issuers: &[&str]) -> Arc<Settings> {
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
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, text).unwrap();
        Arc::new(load(&Sources { file: Some(file), ..Sources::default() }).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn x3_what_is_not_configured_any_more_is_shown_by_no_metric() {
        let metrics = MetricRegistry::default();
        let keys = metrics.int_gauges("keys", "Usable keys.", &["issuer"]);
        let denials = metrics.counters("denials_total", "Denials.", &["reason", "issuer"]);
        for issuer in ["kept", "gone", "back", ""] {
            keys.with_label_values(&[issuer]).set(1);
            denials.with_label_values(&["token_expired", issuer]).inc();
        }
        let shown = || {
            let text = metrics.render();
            let of = |name| text.contains(&format!("countersign_keys{{issuer=\"{name}\"}}"));
            let refused = |name| text.contains(&format!("_total{{issuer=\"{name}\""));
            ["kept", "gone", "back", ""].map(|name| (of(name), refused(name)))
        };
        let (there, removed) = ((true, true), (false, false));
        let current = Arc::new(ArcSwap::new(settings(&["kept"])));
        let earlier = settings(&["kept", "gone", "back"]);
        let applying = Arc::<Mutex<()>>::default();
        let in_force = InForce { settings: Arc::clone(&current), applying: Arc::clone(&applying) };
        retire(RunningTasks::default(), earlier, in_force, metrics.clone());
        sleep(RETIREMENT / 2).await;
        assert_eq!(shown(), [there; 4], "requests of before count in them");
        let another = applying.lock().await;
        sleep(RETIREMENT).await;
        assert_eq!(shown(), [there; 4], "another configuration is applied and may have them");
        current.store(settings(&["kept", "back"]));
        drop(another);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(shown(), [there, removed, there, there]);
    }
}
