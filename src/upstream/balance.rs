//! The endpoints of an upstream that has several, for all workers together: where they are, which
//! of them are used, and what is learnt of them. What a request reads is a worker's own copy.

mod budget;
mod choice;
mod discovery;
mod health;
mod metrics;
mod standing;

use std::sync::{Arc, atomic::Ordering};

use http::StatusCode;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    readiness::{Dependency, DependencyKind, Importance},
    resolver::Resolver,
    tasks::{KeptTask, Tasks},
    tls::UpstreamTls,
};

use super::Metrics;
use super::settings::{EndpointSettings, Resolve, UpstreamSettings};

use health::HealthChecks;
use standing::{EndpointCounts, EndpointFailure, EndpointTable, StandingChange};

pub(super) use budget::RetryBudget;
pub(super) use choice::Choices;
pub(super) use metrics::{BalanceMetrics, EndpointMetrics, RetryOutcome};
pub(super) use standing::{EndpointId, EndpointTarget, UsedEndpoint};

/// The endpoints of one upstream, shared by all workers.
#[derive(Debug)]
pub(crate) struct SharedEndpoints {
    upstream: String,
    settings: EndpointSettings,
    /// Locked where something changes: after a failure, a check or a lookup of the name. Requests
    /// that succeed do not touch it.
    table: Mutex<EndpointTable>,
    used: watch::Sender<Arc<UsedEndpoints>>,
    metrics: EndpointMetrics,
}

/// What workers choose from.
#[derive(Debug, Default)]
pub(super) struct UsedEndpoints {
    pub(super) endpoints: Vec<UsedEndpoint>,
    /// All there are, ejected ones included: the others have gone away.
    pub(super) known: Vec<EndpointId>,
    /// Whether the name was resolved, which has to happen once.
    pub(super) is_resolved: bool,
}

impl SharedEndpoints {
    /// Those of an upstream that has several, and the tasks that keep them up to date, which are
    /// added to `tasks`.
    pub(crate) fn new(
        upstream: &UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        resolver: &Resolver,
        metrics: &Metrics,
        tasks: &mut Tasks,
    ) -> Option<(Arc<Self>, Vec<KeptTask>)> {
        let settings = (**upstream.endpoints.as_ref()?).clone();
        let shared = Arc::new(Self {
            upstream: upstream.name.clone(),
            table: Mutex::new(EndpointTable::new(&settings.eject)),
            used: watch::Sender::new(Arc::default()),
            settings,
            metrics: metrics.of_several(&upstream.name),
        });
        let mut kept = vec![tasks.add_kept(Arc::clone(&shared).follow_time())];
        if shared.settings.resolve == Resolve::First {
            shared.replace(&discovery::configured(&shared.settings));
        } else {
            let resolving = discovery::keep_resolved(Arc::clone(&shared), resolver.clone());
            kept.push(tasks.add_kept(resolving));
        }
        if let Some(health) = &shared.settings.health {
            let checks = HealthChecks::new(health, tls);
            kept.push(tasks.add_kept(health::keep_checked(Arc::clone(&shared), checks)));
        }
        Some((shared, kept))
    }

    pub(super) fn settings(&self) -> &EndpointSettings {
        &self.settings
    }

    /// Whether requests find an endpoint, as far as it is known.
    pub(crate) fn dependency(&self) -> Dependency {
        let importance = Importance::of(self.settings.required, Importance::Optional);
        Dependency::optional(DependencyKind::Upstream, &self.upstream, self.missing())
            .of_importance(importance)
    }

    fn missing(&self) -> Option<String> {
        let table = self.table.lock();
        let EndpointCounts { used, returning, ejected } = table.counts();
        let all = used + returning + ejected;
        match self.settings.health {
            _ if all == 0 => Some("its name has not been resolved".to_owned()),
            Some(_) if !table.is_served() => {
                Some(format!("the health checks of none of {all} endpoints pass"))
            }
            _ if used + returning == 0 => Some(format!("each of {all} endpoints is ejected")),
            _ => None,
        }
    }

    pub(super) fn metrics(&self) -> &EndpointMetrics {
        &self.metrics
    }

    /// What workers choose from, and when it changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<UsedEndpoints>> {
        self.used.subscribe()
    }

    /// There was no connection to it.
    pub(super) fn unreachable(&self, endpoint: &UsedEndpoint) {
        self.failed(endpoint.id, EndpointFailure::Connect);
    }

    /// It has answered. Costs a load where nothing was wrong before.
    pub(super) fn answered(&self, endpoint: &UsedEndpoint, status: StatusCode) {
        if status.is_server_error() && self.settings.eject.on_status.contains(&status) {
            self.failed(endpoint.id, EndpointFailure::Status);
        } else if endpoint.is_suspect.load(Ordering::Relaxed) {
            let now = Instant::now();
            let mut table = self.table.lock();
            let change = table.succeeded(endpoint.id, now);
            self.publish_if(change, &table, now);
        }
    }

    #[cold]
    fn failed(&self, endpoint: EndpointId, failure: EndpointFailure) {
        let now = Instant::now();
        let mut table = self.table.lock();
        let change = table.failed(endpoint, failure, now);
        self.publish_if(change, &table, now);
    }

    fn checked(&self, endpoint: EndpointId, has_passed: bool) {
        self.metrics.checked(has_passed);
        let now = Instant::now();
        let mut table = self.table.lock();
        let change = table.checked(endpoint, has_passed, now);
        self.publish_if(change, &table, now);
    }

    /// These are the endpoints from now on.
    fn replace(&self, targets: &[EndpointTarget]) {
        let mut table = self.table.lock();
        if table.replace(targets) {
            self.publish(&table, Instant::now());
        }
    }

    fn targets(&self) -> Vec<(EndpointId, EndpointTarget)> {
        self.table.lock().targets()
    }

    fn publish_if(&self, change: Option<StandingChange>, table: &EndpointTable, now: Instant) {
        if let Some(change) = change {
            self.report(&change);
            self.publish(table, now);
        }
    }

    /// Within the lock: what is published later is what is known later.
    fn publish(&self, table: &EndpointTable, now: Instant) {
        let endpoints = table.used(now);
        let known: Vec<_> = table.targets().into_iter().map(|(id, _)| id).collect();
        let is_resolved = !known.is_empty();
        self.used.send_replace(Arc::new(UsedEndpoints { endpoints, known, is_resolved }));
    }

    /// Ends ejections, and lets shares grow.
    async fn follow_time(self: Arc<Self>) {
        let mut published = self.subscribe();
        loop {
            published.borrow_and_update();
            let next = self.advance();
            let due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = published.changed() => {}
            }
        }
    }

    /// When time changes something next, if it does.
    fn advance(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut table = self.table.lock();
        for change in table.advance(now) {
            self.report(&change);
        }
        // Here only: when another configuration is in use, this one shows nothing any more.
        self.metrics.show(table.counts());
        let used = table.used(now);
        let share = |endpoint: &UsedEndpoint| (endpoint.id, endpoint.candidate);
        let published = self.used.borrow();
        let is_new = !used.iter().map(share).eq(published.endpoints.iter().map(share));
        drop(published);
        if is_new {
            self.publish(&table, now);
        }
        table.next_change(now)
    }

    /// One line for each change, and never one for a request.
    fn report(&self, change: &StandingChange) {
        let upstream = self.upstream.as_str();
        match change {
            StandingChange::Ejected(endpoint, cause) => {
                self.metrics.ejected(*cause);
                let cause = cause.name();
                tracing::warn!(upstream, %endpoint, cause, "endpoint ejected");
            }
            StandingChange::Tried(endpoint) => {
                tracing::info!(upstream, %endpoint, "endpoint on trial");
            }
            StandingChange::Returned(endpoint) => {
                tracing::info!(upstream, %endpoint, "endpoint returns");
            }
            StandingChange::Down(endpoint) => {
                self.metrics.ejected_by_check();
                tracing::warn!(upstream, %endpoint, "health checks of the endpoint fail");
            }
            StandingChange::Up(endpoint) => {
                tracing::info!(upstream, %endpoint, "health checks of the endpoint pass");
            }
        }
    }
}
