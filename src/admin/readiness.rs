//! `/readyz`: whether requests may be sent here, what the process depends on, and since when it is
//! as it is.

mod board;
mod report;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::ACCEPT};
use http_body_util::Full;
use tokio::time::{MissedTickBehavior, interval};

use crate::readiness::{Dependency, DependencyKind, Importance};

use super::{View, pages};

pub use board::ReadinessBoard;
use report::ReadinessReport;

/// How late a change may be seen by metrics and the log. A look costs some microseconds for a
/// hundred issuers.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

const JSON: &str = "application/json";

/// Follows readiness for the metrics, the log, and the time since when something is missing. Runs
/// until it is dropped.
pub async fn follow_readiness(view: Arc<View>) {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        report(&view);
    }
}

/// 200, or 503 with what is pending. By the query `verbose` with each dependency; as JSON by
/// `format=json`, or where the client accepts that and no text.
pub(super) fn page<B>(request: &Request<B>, view: &View) -> Response<Full<Bytes>> {
    let report = report(view);
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let query = request.uri().query().unwrap_or_default();
    let asks = |wanted: &str| query.split('&').any(|parameter| parameter == wanted);
    if asks("format=json") || request.headers().get(ACCEPT).is_some_and(accepts_json) {
        return pages::json(status, report.json());
    }
    let is_verbose = asks("verbose") || asks("verbose=1") || asks("verbose=true");
    pages::text(status, if is_verbose { report.verbose() } else { report.text() })
}

/// Probes and browsers accept anything, and get text.
fn accepts_json(accept: &HeaderValue) -> bool {
    let first = accept.as_bytes().split(|byte| matches!(byte, b',' | b';')).next();
    first.is_some_and(|first| first.trim_ascii().eq_ignore_ascii_case(JSON.as_bytes()))
}

fn report(view: &View) -> ReadinessReport {
    let now = view.clock.now();
    let dependencies = dependencies(view);
    let pending = view.readiness.pending(|| {
        let blocking = dependencies.iter().filter(|it| it.blocks);
        blocking.filter_map(Dependency::trouble).collect()
    });
    let (ready_since, since) = view.board.observe(now, &dependencies, &pending);
    let dependencies = dependencies.into_iter().zip(since).collect();
    let notes = view.readiness.notes();
    ReadinessReport { now, pending, ready_since, dependencies, notes }
}

/// Everything that the process depends on, at present.
fn dependencies(view: &View) -> Vec<Dependency> {
    let (providers, proxy) = (view.providers.load(), view.proxy.load());
    let mut all = providers.dependencies(view.clock.now());
    all.extend(proxy.engine().journal_dependency());
    #[cfg(feature = "otel")]
    all.extend(proxy.engine().receiver_dependency());
    all.extend(proxy.upstream_dependencies());
    all.extend(proxy.listener_dependencies(view.clock.now()));
    let workers = Dependency::optional(DependencyKind::Workers, "", view.readiness.lost_workers());
    all.push(workers.of_importance(Importance::Required));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_for_clients_that_name_it_first() {
        let accepts = |text| accepts_json(&HeaderValue::from_static(text));
        assert!(accepts("application/json"));
        assert!(accepts("Application/JSON;q=0.9, */*"));
        assert!(!accepts("*/*"));
        assert!(!accepts("text/html, application/json"));
        assert!(!accepts("application/jsonp"));
    }
}
