//! Which endpoints of an upstream are used: ejected after failures, tried, and back with a growing
//! share. Pure: every step takes the moment.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::upstream::settings::{EjectSettings, UpstreamAddress};

use super::choice::Candidate;

/// An endpoint that comes back begins with this part of its share: a tenth.
const FIRST_TENTHS: u32 = 1;
const ALL_TENTHS: u32 = 10;

/// Checks in a row that fail before an endpoint counts as down: one may be lost.
const FAILED_CHECKS: u32 = 2;

/// Names an endpoint. It is not used again: a late report about one that is gone must not count for
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::upstream) struct EndpointId(u64);

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::upstream) struct EndpointTarget {
    /// As configured.
    pub(in crate::upstream) url: UpstreamAddress,
    /// The address that the name was resolved to. `None`: each connection resolves it.
    pub(in crate::upstream) address: Option<SocketAddr>,
    pub(in crate::upstream) weight: u32,
}

/// An endpoint as workers use it.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct UsedEndpoint {
    pub(in crate::upstream) id: EndpointId,
    pub(in crate::upstream) target: EndpointTarget,
    pub(in crate::upstream) candidate: Candidate,
    /// Whether it matters that a request succeeds: it failed before, or is on trial.
    pub(in crate::upstream) is_suspect: Arc<AtomicBool>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum EndpointFailure {
    /// No connection.
    Connect,
    /// A status that counts as one.
    Status,
}

/// What is to be logged and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::upstream) enum StandingChange {
    /// It is not used for a while.
    Ejected(EndpointTarget, EndpointFailure),
    /// Its time is over: it is tried.
    Tried(EndpointTarget),
    /// It works again.
    Returned(EndpointTarget),
    /// Its checks fail.
    Down(EndpointTarget),
    /// Its checks pass again.
    Up(EndpointTarget),
}

/// How many endpoints are how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::upstream) struct EndpointCounts {
    /// With their whole share.
    pub(in crate::upstream) used: usize,
    /// On trial, or with a part of their share.
    pub(in crate::upstream) returning: usize,
    /// Not used.
    pub(in crate::upstream) ejected: usize,
}

/// The endpoints of one upstream.
#[derive(Debug)]
pub(in crate::upstream) struct EndpointTable {
    settings: EjectSettings,
    endpoints: Vec<EndpointRecord>,
    next_id: u64,
}

#[derive(Debug)]
struct EndpointRecord {
    id: EndpointId,
    target: EndpointTarget,
    /// In a row.
    failures: u32,
    standing: EndpointStanding,
    /// Checks in a row that failed.
    failed_checks: u32,
    /// Whether a check has passed since it was down; not before the first one.
    passes_checks: bool,
    is_suspect: Arc<AtomicBool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndpointStanding {
    Whole,
    Ejected {
        until: Instant,
    },
    /// Whether it works will be known after a request.
    Trial,
    /// It works again since then.
    Returning {
        since: Instant,
    },
}

impl EndpointTable {
    pub(in crate::upstream) fn new(settings: &EjectSettings) -> Self {
        Self { settings: settings.clone(), endpoints: Vec::new(), next_id: 0 }
    }

    /// These are the endpoints from now on. Those that were there before keep what is known of
    /// them. Whether anything has changed.
    pub(in crate::upstream) fn replace(&mut self, targets: &[EndpointTarget]) -> bool {
        let is_same = self.endpoints.iter().map(|it| &it.target).eq(targets);
        if is_same {
            return false;
        }
        let mut before = std::mem::take(&mut self.endpoints);
        for target in targets {
            let is_it = |known: &EndpointRecord| {
                known.target.url == target.url && known.target.address == target.address
            };
            let known = before.iter().position(is_it).map(|at| before.swap_remove(at));
            let mut record = known.unwrap_or_else(|| self.fresh(target));
            record.target.weight = target.weight;
            self.endpoints.push(record);
        }
        true
    }

    fn fresh(&mut self, target: &EndpointTarget) -> EndpointRecord {
        self.next_id += 1;
        EndpointRecord {
            id: EndpointId(self.next_id),
            target: target.clone(),
            failures: 0,
            standing: EndpointStanding::Whole,
            failed_checks: 0,
            passes_checks: false,
            is_suspect: Arc::default(),
        }
    }

    /// A request has failed there.
    pub(in crate::upstream) fn failed(
        &mut self,
        id: EndpointId,
        failure: EndpointFailure,
        now: Instant,
    ) -> Option<StandingChange> {
        let may_eject = self.out_of_use().count() < self.most_ejected();
        let EjectSettings { failures: most, duration, .. } = self.settings;
        let record = self.record(id)?;
        if matches!(record.standing, EndpointStanding::Ejected { .. }) {
            // What was in flight when it was ejected.
            return None;
        }
        record.failures = record.failures.saturating_add(1);
        record.is_suspect.store(true, Ordering::Relaxed);
        let is_on_trial = record.standing == EndpointStanding::Trial;
        if !is_on_trial && record.failures < most {
            return None;
        }
        if may_eject {
            record.failures = 0;
            record.standing = EndpointStanding::Ejected { until: now + duration };
            return Some(StandingChange::Ejected(record.target.clone(), failure));
        }
        // Others are out of use already. One that can't be reached still gets next to nothing; one
        // that answers badly may be all that there is.
        let is_news = failure == EndpointFailure::Connect && !is_on_trial;
        if is_news {
            record.standing = EndpointStanding::Trial;
        }
        is_news.then(|| StandingChange::Tried(record.target.clone()))
    }

    /// A request has succeeded there.
    pub(in crate::upstream) fn succeeded(
        &mut self,
        id: EndpointId,
        now: Instant,
    ) -> Option<StandingChange> {
        let record = self.record(id)?;
        record.failures = 0;
        record.is_suspect.store(false, Ordering::Relaxed);
        if record.standing != EndpointStanding::Trial {
            return None;
        }
        record.standing = EndpointStanding::Returning { since: now };
        Some(StandingChange::Returned(record.target.clone()))
    }

    /// A check has passed there, or failed.
    pub(in crate::upstream) fn checked(
        &mut self,
        id: EndpointId,
        has_passed: bool,
        now: Instant,
    ) -> Option<StandingChange> {
        let record = self.record(id)?;
        let was_down = record.is_down();
        record.failed_checks = if has_passed { 0 } else { record.failed_checks.saturating_add(1) };
        record.passes_checks = has_passed || (record.passes_checks && !record.is_down());
        match (was_down, record.is_down()) {
            (false, true) => Some(StandingChange::Down(record.target.clone())),
            (true, false) => {
                if !matches!(record.standing, EndpointStanding::Ejected { .. }) {
                    record.standing = EndpointStanding::Returning { since: now };
                }
                Some(StandingChange::Up(record.target.clone()))
            }
            _ => None,
        }
    }

    /// What the passing of time changes.
    pub(in crate::upstream) fn advance(&mut self, now: Instant) -> Vec<StandingChange> {
        let mut changes = Vec::new();
        for record in &mut self.endpoints {
            match record.standing {
                EndpointStanding::Ejected { until } if until <= now => {
                    record.standing = EndpointStanding::Trial;
                    record.is_suspect.store(true, Ordering::Relaxed);
                    changes.push(StandingChange::Tried(record.target.clone()));
                }
                EndpointStanding::Returning { since } if since + self.settings.duration <= now => {
                    record.standing = EndpointStanding::Whole;
                }
                _ => {}
            }
        }
        changes
    }

    /// When time changes something next, if it does.
    pub(in crate::upstream) fn next_change(&self, now: Instant) -> Option<Instant> {
        let step = self.settings.duration / ALL_TENTHS;
        let next = |record: &EndpointRecord| match record.standing {
            EndpointStanding::Ejected { until } => Some(until),
            EndpointStanding::Returning { since } => {
                Some(since + step * (steps(since, step, now) + 1))
            }
            EndpointStanding::Whole | EndpointStanding::Trial => None,
        };
        self.endpoints.iter().filter_map(next).min()
    }

    /// Those that are used, with their parts. If none would be, all are.
    pub(in crate::upstream) fn used(&self, now: Instant) -> Vec<UsedEndpoint> {
        let out: Vec<_> = self.out_of_use().collect();
        let is_one_left = out.len() < self.endpoints.len();
        let used = self.endpoints.iter().filter(|it| !is_one_left || !out.contains(&it.id));
        used.map(|record| UsedEndpoint {
            id: record.id,
            target: record.target.clone(),
            candidate: if is_one_left { self.candidate(record, now) } else { whole(record) },
            is_suspect: Arc::clone(&record.is_suspect),
        })
        .collect()
    }

    pub(in crate::upstream) fn counts(&self) -> EndpointCounts {
        let mut counts = EndpointCounts::default();
        let out: Vec<_> = self.out_of_use().collect();
        for record in &self.endpoints {
            if out.contains(&record.id) {
                counts.ejected += 1;
            } else if record.standing == EndpointStanding::Whole && !record.is_down() {
                counts.used += 1;
            } else {
                counts.returning += 1;
            }
        }
        counts
    }

    /// Whether requests find an endpoint whose checks pass.
    pub(in crate::upstream) fn is_served(&self) -> bool {
        let ejected = |it: &EndpointRecord| matches!(it.standing, EndpointStanding::Ejected { .. });
        self.endpoints.iter().any(|record| record.passes_checks && !ejected(record))
    }

    /// Every endpoint, used or not.
    pub(in crate::upstream) fn targets(&self) -> Vec<(EndpointId, EndpointTarget)> {
        self.endpoints.iter().map(|record| (record.id, record.target.clone())).collect()
    }

    fn candidate(&self, record: &EndpointRecord, now: Instant) -> Candidate {
        let is_on_trial = record.standing == EndpointStanding::Trial || record.is_down();
        let tenths = match record.standing {
            _ if is_on_trial => FIRST_TENTHS,
            EndpointStanding::Returning { since } => {
                let step = self.settings.duration / ALL_TENTHS;
                (FIRST_TENTHS + steps(since, step, now)).min(ALL_TENTHS)
            }
            _ => ALL_TENTHS,
        };
        Candidate { weight: record.target.weight, tenths, is_on_trial }
    }

    /// Those that are not used: the ejected, and as many of those whose checks fail as may be.
    fn out_of_use(&self) -> impl Iterator<Item = EndpointId> {
        let is_ejected =
            |it: &&EndpointRecord| matches!(it.standing, EndpointStanding::Ejected { .. });
        let ejected = self.endpoints.iter().filter(is_ejected);
        let down = self.endpoints.iter().filter(move |it| it.is_down() && !is_ejected(it));
        ejected.chain(down).map(|record| record.id).take(self.most_ejected())
    }

    /// Never all of the larger part of a half: of one endpoint none, of two or three one.
    fn most_ejected(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a part of at most 64"
        )]
        let most = (self.endpoints.len() as f64 * self.settings.at_most).floor() as usize;
        most
    }

    fn record(&mut self, id: EndpointId) -> Option<&mut EndpointRecord> {
        self.endpoints.iter_mut().find(|record| record.id == id)
    }
}

impl fmt::Display for EndpointTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{} at {address}", self.url),
            None => self.url.fmt(f),
        }
    }
}

impl EndpointRecord {
    fn is_down(&self) -> bool {
        self.failed_checks >= FAILED_CHECKS
    }
}

fn whole(record: &EndpointRecord) -> Candidate {
    Candidate { weight: record.target.weight, tenths: ALL_TENTHS, is_on_trial: false }
}

/// How many whole steps have passed.
fn steps(since: Instant, step: Duration, now: Instant) -> u32 {
    let passed = now.duration_since(since).as_nanos();
    u32::try_from(passed / step.as_nanos().max(1)).unwrap_or(ALL_TENTHS)
}

#[cfg(test)]
mod tests;
