//! What goes wrong with request after request: said at once, then from time to time with how
//! often, and once more when it is over.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::EndpointName;
use crate::{
    clock::LineTime,
    gate::Gate,
    identity::RequestId,
    reason::{Class, Reason, Subject},
    telemetry::cut,
};

/// The troubles that there are. Causes come from the configuration, and the endpoints that a name
/// has; more than [`MAX_TROUBLES`] at once are counted together with the last.
#[derive(Debug, Default)]
pub(in crate::decision) struct Troubles {
    /// Read by every request that ends: without trouble nothing is locked.
    open: AtomicUsize,
    troubles: Mutex<Vec<OngoingTrouble>>,
}

/// One cause of failed requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decision) struct TroubleCause {
    pub(in crate::decision) reason: Reason,
    pub(in crate::decision) route: String,
    /// Where the request was sent last.
    pub(in crate::decision) endpoint: Option<EndpointName>,
    /// What the refusal is about.
    pub(in crate::decision) about: Option<String>,
    /// What the connection says.
    pub(in crate::decision) error: Option<String>,
}

#[derive(Debug)]
struct OngoingTrouble {
    cause: TroubleCause,
    since: LineTime,
    began: Instant,
    last_failure: Instant,
    failures: u64,
    said: u64,
    /// Since the last report.
    has_failed: bool,
    /// Whether a request of the route was served since the last failure.
    has_served: bool,
}

/// Whether a trouble that is summarised is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TroubleState {
    GoesOn,
    Over,
}

/// What is said of a trouble.
#[derive(Debug)]
struct Summary {
    cause: TroubleCause,
    since: LineTime,
    failures: u64,
    /// Since the last line.
    more: u64,
    /// From the first failure to the last.
    lasted: Duration,
}

/// Some causes of each upstream at once.
const MAX_TROUBLES: usize = 256;
/// How many errors of one kind are distinguished: an upstream may say something else each time.
const MAX_ERRORS: usize = 8;
/// A route without requests is not known to work again. It is forgotten, so that other requests
/// do not look for it.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);
/// The most of an error, in bytes.
const SHOWN_ERROR: usize = 256;

impl Troubles {
    /// A request failed for that cause. The first one is said at once.
    pub(in crate::decision) fn failed(&self, cause: &TroubleCause, id: &RequestId) {
        if self.count(cause) {
            cause.say_first(id);
        }
    }

    /// Whether it is a new one.
    fn count(&self, cause: &TroubleCause) -> bool {
        let now = Instant::now();
        let mut troubles = self.troubles.lock();
        let is_full = troubles.len() >= MAX_TROUBLES;
        let known = troubles.iter().position(|known| known.cause == *cause);
        let alike = || troubles.iter().enumerate().filter(|(_, known)| known.cause.is_like(cause));
        let has_too_many = known.is_none() && alike().count() >= MAX_ERRORS;
        let last = if has_too_many {
            alike().next_back().map(|(position, _)| position)
        } else {
            troubles.len().checked_sub(1).filter(|_| is_full)
        };
        if let Some(trouble) = known.or(last).and_then(|position| troubles.get_mut(position)) {
            trouble.failures += 1;
            trouble.last_failure = now;
            (trouble.has_failed, trouble.has_served) = (true, false);
            return false;
        }
        troubles.push(OngoingTrouble {
            cause: cause.clone(),
            since: LineTime::now(),
            began: now,
            last_failure: now,
            failures: 1,
            said: 1,
            has_failed: true,
            has_served: false,
        });
        self.open.store(troubles.len(), Relaxed);
        true
    }

    /// Whether there is any.
    pub(super) fn are_any(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// A request of the route was served. What stops requests before they have a route is over then,
    /// too.
    pub(super) fn served(&self, route: &str) {
        let mut troubles = self.troubles.lock();
        let is_of = |of: &str| of == route || of == Gate::UNROUTED;
        let of_route = troubles.iter_mut().filter(|trouble| is_of(&trouble.cause.route));
        of_route.for_each(|trouble| trouble.has_served = true);
    }

    /// Says which go on, and which are over: those whose route was served, without a failure since
    /// the report before.
    pub(super) fn report(&self) {
        let (go_on, over) = self.summaries();
        for summary in go_on {
            summary.log(TroubleState::GoesOn);
        }
        for summary in over {
            summary.log(TroubleState::Over);
        }
    }

    fn summaries(&self) -> (Vec<Summary>, Vec<Summary>) {
        let now = Instant::now();
        let mut troubles = self.troubles.lock();
        troubles.retain(|trouble| now - trouble.last_failure < FORGOTTEN_AFTER);
        let is_over = |trouble: &mut OngoingTrouble| trouble.has_served && !trouble.has_failed;
        let over = troubles.extract_if(.., is_over).map(|mut trouble| trouble.summary());
        let over = over.collect();
        self.open.store(troubles.len(), Relaxed);
        let go_on = troubles.iter_mut().map(OngoingTrouble::summary);
        (go_on.filter(|summary| summary.more > 0).collect(), over)
    }
}

impl OngoingTrouble {
    /// What there is to say since the last time.
    fn summary(&mut self) -> Summary {
        let said = std::mem::replace(&mut self.said, self.failures);
        self.has_failed = false;
        Summary {
            cause: self.cause.clone(),
            since: self.since,
            failures: self.failures,
            more: self.failures - said,
            lasted: self.last_failure.saturating_duration_since(self.began),
        }
    }
}

impl TroubleCause {
    /// That of a refusal.
    pub(in crate::decision) fn of(
        reason: Reason,
        route: &str,
        subject: Option<&Subject>,
        endpoint: Option<&EndpointName>,
        error: Option<&dyn fmt::Display>,
    ) -> Self {
        let error = error.map(|error| cut(&error.to_string(), SHOWN_ERROR).to_owned());
        Self {
            reason,
            route: route.to_owned(),
            endpoint: endpoint.cloned(),
            about: subject.map(Subject::about),
            error,
        }
    }

    /// Whether they differ by the error only.
    fn is_like(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.reason, it.route.clone(), it.endpoint.clone(), it.about.clone());
        of(self) == of(other)
    }

    fn upstream(&self) -> Option<&str> {
        self.endpoint.as_ref().map(|endpoint| &*endpoint.upstream)
    }

    fn address(&self) -> Option<&str> {
        self.endpoint.as_ref().map(|endpoint| &*endpoint.address)
    }

    fn what(&self) -> &'static str {
        match self.reason.class() {
            Class::UpstreamFailed => "no response from the upstream",
            _ => "requests can't be decided",
        }
    }

    fn say_first(&self, id: &RequestId) {
        tracing::warn!(
            reason = self.reason.code(),
            about = self.about,
            upstream = self.upstream(),
            endpoint = self.address(),
            route = self.route,
            %id,
            error = self.error,
            hint = self.reason.hint(),
            "{}",
            self.what()
        );
    }
}

impl Summary {
    fn log(&self, state: TroubleState) {
        let TroubleCause { reason, route, about, error, .. } = &self.cause;
        let is_over = state == TroubleState::Over;
        tracing::warn!(
            reason = reason.code(),
            about,
            error,
            upstream = self.cause.upstream(),
            endpoint = self.cause.address(),
            route,
            more = (!is_over).then_some(self.more),
            failures = self.failures,
            since = is_over.then(|| self.since.to_rfc3339()),
            seconds = is_over.then_some(self.lasted.as_secs()),
            "{}",
            if is_over { "requests are served again" } else { "requests still fail" }
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(route: &str) -> TroubleCause {
        let endpoint = EndpointName::new("app", &"http://app:1", &"http://app:1");
        TroubleCause::of(Reason::UpstreamUnreachable, route, None, Some(&endpoint), None)
    }

    /// How many failures were left out of each line that goes on, and how many there were in all of
    /// what is over.
    fn reported(troubles: &Troubles) -> (Vec<u64>, Vec<u64>) {
        let (go_on, over) = troubles.summaries();
        let more = go_on.iter().map(|summary| summary.more).collect();
        (more, over.iter().map(|summary| summary.failures).collect())
    }

    #[test]
    fn an_outage_is_said_once_summarised_and_ended() {
        let troubles = Troubles::default();
        assert!(!troubles.are_any());
        let new = (0..3668).filter(|_| troubles.count(&cause("/a"))).count();
        assert_eq!(new, 1, "one line at once");
        assert!(troubles.are_any());
        assert_eq!(reported(&troubles), (vec![3667], vec![]));
        assert_eq!(reported(&troubles), (vec![], vec![]), "without requests nothing is known");
        troubles.served("/b");
        assert_eq!(reported(&troubles), (vec![], vec![]), "another route");
        troubles.served("/a");
        assert_eq!(reported(&troubles), (vec![], vec![3668]));
        assert!(!troubles.are_any());
        assert!(troubles.count(&cause("/a")), "the next is new again");
    }

    #[test]
    fn what_fails_now_and_then_goes_on() {
        let troubles = Troubles::default();
        troubles.count(&cause("/a"));
        for _ in 0..5 {
            troubles.served("/a");
            troubles.count(&cause("/a"));
            troubles.served("/a");
            assert_eq!(reported(&troubles), (vec![1], vec![]));
        }
        assert_eq!(reported(&troubles), (vec![], vec![6]));
    }

    #[test]
    fn errors_are_distinguished_up_to_some() {
        let troubles = Troubles::default();
        let with = |error: usize| TroubleCause { error: Some(error.to_string()), ..cause("/a") };
        let new = (0..100).filter(|error| troubles.count(&with(*error))).count();
        assert_eq!(new, MAX_ERRORS);
        assert!(troubles.count(&cause("/b")), "another route");
    }

    #[test]
    fn d8_troubles_are_bounded() {
        let troubles = Troubles::default();
        let new = (0..10_000).filter(|n| troubles.count(&cause(&n.to_string()))).count();
        assert_eq!(new, MAX_TROUBLES);
    }
}
