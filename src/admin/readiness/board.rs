//! Since when each dependency is as it is.

mod announcement;

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::{
    admin::Metrics,
    clock::UnixTime,
    readiness::{Dependency, DependencyKind},
    telemetry::MetricRegistry,
};

use announcement::{Announced, Announcement};

/// What was seen last of the dependencies of a process, across its configurations. It holds as many
/// as the configuration in use names.
#[derive(Debug)]
pub struct ReadinessBoard {
    seen: Mutex<Seen>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Seen {
    dependencies: BTreeMap<(DependencyKind, String), StateSince>,
    /// `None`: nothing was looked at as yet.
    ready: Option<StateSince>,
    announced: Announced,
}

#[derive(Debug, Clone, Copy)]
struct StateSince {
    is_up: bool,
    since: UnixTime,
}

impl ReadinessBoard {
    /// Nothing has been seen.
    pub fn new(metrics: &MetricRegistry) -> Self {
        Self { seen: Mutex::default(), metrics: Metrics::register(metrics) }
    }

    /// Takes down what is seen now. Returns since when the process is ready or not, and since when
    /// each dependency is usable or missing, in their order.
    pub(super) fn observe(
        &self,
        now: UnixTime,
        dependencies: &[Dependency],
        pending: &[String],
    ) -> (UnixTime, Vec<UnixTime>) {
        let mut seen = self.seen.lock();
        let before = std::mem::take(&mut seen.dependencies);
        let mut since = Vec::with_capacity(dependencies.len());
        for dependency in dependencies {
            let key = (dependency.kind, dependency.name.clone());
            let is_up = dependency.missing.is_none();
            let state = StateSince::after(before.get(&key).copied(), is_up, now);
            self.metrics.show(dependency.kind.name(), &dependency.name, is_up);
            since.push(state.since);
            seen.dependencies.insert(key, state);
        }
        let gone = before.keys().filter(|key| !seen.dependencies.contains_key(*key));
        gone.for_each(|(kind, name)| self.metrics.remove(kind.name(), name));
        let is_ready = pending.is_empty();
        let ready = StateSince::after(seen.ready, is_ready, now);
        let lasted = now.0.saturating_sub(ready.since.0);
        if let Some(announcement) = seen.announced.next(is_ready, lasted) {
            log(announcement, pending);
        }
        self.metrics.ready(is_ready);
        seen.ready = Some(ready);
        (ready.since, since)
    }
}

impl StateSince {
    fn after(before: Option<Self>, is_up: bool, now: UnixTime) -> Self {
        before.filter(|before| before.is_up == is_up).unwrap_or(Self { is_up, since: now })
    }
}

fn log(announcement: Announcement, pending: &[String]) {
    let pending = pending.join("; ");
    match announcement {
        Announcement::Starting => tracing::info!(pending, "starting: not ready yet"),
        Announcement::NotReady => tracing::warn!(pending, "not ready"),
        Announcement::Ready => tracing::info!("ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(name: &str, missing: Option<&str>) -> Dependency {
        Dependency::optional(DependencyKind::Issuer, name, missing.map(str::to_owned))
    }

    #[test]
    fn a_state_is_dated_from_its_first_sight() {
        let (metrics, shown) = (MetricRegistry::default(), |metrics: &MetricRegistry| {
            let text = metrics.render();
            let lines = text.lines().filter(|line| line.starts_with("countersign_dependency_up{"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        });
        let board = ReadinessBoard::new(&metrics);
        let see = |now, dependencies: &[Dependency], pending: &[&str]| {
            let pending: Vec<_> = pending.iter().map(|it| (*it).to_owned()).collect();
            let (ready, since) = board.observe(UnixTime(now), dependencies, &pending);
            (ready.0, since.iter().map(|since| since.0).collect::<Vec<_>>())
        };
        let both = |missing| [issuer("a", None), issuer("b", missing)];
        assert_eq!(see(10, &both(Some("refused")), &["b"]), (10, vec![10, 10]));
        assert_eq!(see(12, &both(Some("timeout")), &["b"]), (10, vec![10, 10]));
        assert_eq!(see(15, &both(None), &[]), (15, vec![10, 15]));
        assert_eq!(see(20, &both(Some("refused")), &[]), (15, vec![10, 20]));
        let [one, other] = ["a", "b"]
            .map(|name| format!("countersign_dependency_up{{kind=\"issuer\",name=\"{name}\"}}"));
        assert_eq!(shown(&metrics), [format!("{one} 1"), format!("{other} 0")]);
        // A configuration without the other one.
        assert_eq!(see(30, &both(None)[..1], &[]), (15, vec![10]));
        assert_eq!(shown(&metrics), [format!("{one} 1")]);
    }
}
