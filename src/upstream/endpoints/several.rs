//! Several endpoints: each request goes to one of those that are used.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
};

use http::StatusCode;
use tokio::{
    sync::watch,
    task::spawn_local,
    time::{Instant, timeout},
};

use crate::{
    tls::UpstreamTls,
    upstream::{
        UpstreamCaps,
        balance::{Choices, RetryBudget, RetryOutcome, SharedEndpoints, UsedEndpoints},
        endpoint::UpstreamEndpoint,
        lease::EndpointLease,
        settings::{UpstreamProtocol, UpstreamSettings},
    },
};

use super::{MAX_TRIED, TriedEndpoints};

/// The endpoints of one upstream on one worker.
#[derive(Debug)]
pub(in crate::upstream) struct SeveralEndpoints {
    settings: UpstreamSettings,
    tls: Option<Arc<UpstreamTls>>,
    shared: Arc<SharedEndpoints>,
    caps: Arc<UpstreamCaps>,
    used: RefCell<WorkerEndpoints>,
    /// All there are, ejected ones included: their connections are kept.
    known: RefCell<Vec<Rc<UpstreamEndpoint>>>,
    budget: RetryBudget,
    /// Whether a task puts changes into effect.
    is_followed: Cell<bool>,
    /// Connections are open as long as their requests, and no longer.
    is_closed: Cell<bool>,
}

/// Those that are used, in the order of the choices.
#[derive(Debug)]
struct WorkerEndpoints {
    endpoints: Vec<Rc<UpstreamEndpoint>>,
    choices: Choices,
}

impl SeveralEndpoints {
    pub(super) fn new(
        settings: &UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        shared: &Arc<SharedEndpoints>,
        caps: &Arc<UpstreamCaps>,
    ) -> Self {
        let choices = Choices::new(Vec::new(), shared.settings().balance);
        Self {
            settings: settings.clone(),
            tls: tls.cloned(),
            budget: RetryBudget::new(shared.settings().retry_budget, Instant::now()),
            shared: Arc::clone(shared),
            caps: Arc::clone(caps),
            used: RefCell::new(WorkerEndpoints { endpoints: Vec::new(), choices }),
            known: RefCell::default(),
            is_followed: Cell::new(false),
            is_closed: Cell::new(false),
        }
    }

    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.known.borrow().iter().for_each(|endpoint| endpoint.close());
    }

    pub(super) fn expects_http1(&self) -> bool {
        let used = self.used.borrow();
        match used.endpoints.first() {
            Some(first) => first.expects_http1(),
            None => self.settings.protocol() == UpstreamProtocol::Http1,
        }
    }

    pub(super) fn pick(self: &Rc<Self>) -> Option<EndpointLease> {
        if !self.is_followed.get() {
            self.follow();
        }
        self.budget.saw_request();
        let used = self.used.borrow();
        let position = used.choices.pick(|position| used.in_flight(position))?;
        used.endpoints.get(position).map(EndpointLease::of)
    }

    /// As long as a connection may take.
    pub(super) async fn resolved(self: &Rc<Self>) -> Option<EndpointLease> {
        let mut changes = self.shared.subscribe();
        let resolved = changes.wait_for(|used| used.is_resolved);
        let used = timeout(self.settings.connect_timeout, resolved).await.ok()?.ok()?;
        let used = Arc::clone(&used);
        self.apply(&used);
        self.pick()
    }

    pub(super) fn answered(&self, endpoint: &UpstreamEndpoint, status: StatusCode) {
        if let Some(used) = &endpoint.shared {
            self.shared.answered(used, status);
        }
    }

    pub(super) fn another(
        &self,
        failed: EndpointLease,
        tried: &mut TriedEndpoints,
    ) -> Option<EndpointLease> {
        let failed_one = failed.shared.as_ref()?;
        self.shared.unreachable(failed_one);
        tried.0.push(failed_one.id);
        drop(failed);
        let was_retried = tried.0.len() > 1;
        let was_tried = |endpoint: &UpstreamEndpoint| {
            endpoint.shared.as_ref().is_some_and(|used| tried.0.contains(&used.id))
        };
        let another = if tried.0.len() < MAX_TRIED { self.other(was_tried) } else { None };
        if another.is_none() && was_retried {
            self.count_retry(RetryOutcome::Failed);
        }
        another.filter(|_| self.is_within_budget())
    }

    pub(super) fn for_repetition(&self, failed: EndpointLease) -> Option<EndpointLease> {
        if !self.is_within_budget() {
            return None;
        }
        let failed_one = failed.shared.as_ref().map(|used| used.id);
        let is_same = |endpoint: &UpstreamEndpoint| {
            endpoint.shared.as_ref().map(|used| used.id) == failed_one
        };
        self.other(is_same).or(Some(failed))
    }

    pub(super) fn count_retry(&self, outcome: RetryOutcome) {
        self.shared.metrics().retried(outcome);
    }

    fn is_within_budget(&self) -> bool {
        let is_within = self.budget.allows(Instant::now());
        if !is_within {
            self.count_retry(RetryOutcome::OverBudget);
        }
        is_within
    }

    fn other(&self, was_tried: impl Fn(&UpstreamEndpoint) -> bool) -> Option<EndpointLease> {
        let used = self.used.borrow();
        let position = used.choices.other(
            |position| used.in_flight(position),
            |position| used.endpoints.get(position).is_none_or(|endpoint| was_tried(endpoint)),
        )?;
        used.endpoints.get(position).map(EndpointLease::of)
    }

    /// Puts changes into effect as they come, so that no request has to look for them. There is no
    /// runtime before the first request.
    #[cold]
    fn follow(self: &Rc<Self>) {
        self.is_followed.set(true);
        let mut changes = self.shared.subscribe();
        let used = Arc::clone(&changes.borrow_and_update());
        self.apply(&used);
        spawn_local(follow(Rc::downgrade(self), changes));
    }

    fn apply(&self, used: &UsedEndpoints) {
        let mut known = self.known.borrow_mut();
        known.retain(|endpoint| {
            let id = endpoint.shared.as_ref().map(|used| used.id);
            let is_there = id.is_some_and(|id| used.known.contains(&id));
            if !is_there {
                endpoint.close();
            }
            is_there
        });
        let mut endpoints = Vec::with_capacity(used.endpoints.len());
        for used in &used.endpoints {
            let is_it = |endpoint: &&Rc<UpstreamEndpoint>| {
                endpoint.shared.as_ref().is_some_and(|shared| shared.id == used.id)
            };
            let before = known.iter().find(is_it).cloned();
            endpoints.push(before.unwrap_or_else(|| {
                let endpoint = Rc::new(UpstreamEndpoint::of_several(
                    used,
                    &self.settings,
                    self.tls.as_ref(),
                    &self.caps,
                ));
                if self.is_closed.get() {
                    endpoint.close();
                }
                known.push(Rc::clone(&endpoint));
                endpoint
            }));
        }
        let candidates = used.endpoints.iter().map(|used| used.candidate).collect();
        let choices = Choices::new(candidates, self.shared.settings().balance);
        *self.used.borrow_mut() = WorkerEndpoints { endpoints, choices };
    }
}

impl WorkerEndpoints {
    fn in_flight(&self, position: usize) -> usize {
        self.endpoints.get(position).map_or(0, |endpoint| endpoint.in_flight.get())
    }
}

/// Ends with the worker's pool, or with the configuration.
async fn follow(
    endpoints: Weak<SeveralEndpoints>,
    mut changes: watch::Receiver<Arc<UsedEndpoints>>,
) {
    while changes.changed().await.is_ok() {
        let Some(endpoints) = endpoints.upgrade() else { return };
        let used = Arc::clone(&changes.borrow_and_update());
        endpoints.apply(&used);
    }
}
