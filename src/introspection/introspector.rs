//! The requests' side: ask about a token, joining the lookup of the same one that is in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use dashmap::{DashMap, Entry};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use crate::{
    clock::{UnixTime, seconds},
    introspection::settings::{IntrospectWhen, IntrospectionSettings},
    shared::SharedStore,
};

use super::memory::{Digest, Memory, Statement};

/// What one issuer says of tokens. Shared by all workers.
#[derive(Debug)]
pub struct Introspector {
    settings: IntrospectionSettings,
    memory: Arc<Memory>,
    flights: Arc<Flights>,
    asks: mpsc::Sender<LookupRequest>,
    wait_limit: Duration,
    recheck_seconds: i64,
}

/// The questions under way, by token: each with the place where its answer will appear.
pub(super) type Flights = DashMap<Digest, watch::Receiver<Outcome>>;

/// `None`: no answer yet. Inside: `None`: unknown.
pub(super) type Outcome = Option<Option<Statement>>;

/// A lookup in the queue of the worker.
#[derive(Debug)]
pub(super) struct LookupRequest {
    pub(super) token: Zeroizing<String>,
    pub(super) since: Instant,
    pub(super) recheck: Option<Arc<Recheck>>,
    flight: Flight,
}

/// One question under way. Whatever becomes of it, those who wait get to know, and the next
/// question about the token is another one.
#[derive(Debug)]
struct Flight {
    digest: Digest,
    outcome: watch::Sender<Outcome>,
    /// Where it can be joined. `None`: nowhere any more.
    flights: Option<Arc<Flights>>,
}

/// A token that passes by its signature and is asked about now and then.
#[derive(Debug)]
pub struct Recheck {
    inactive: AtomicBool,
    next: AtomicI64,
    /// Whether there is a question in `joined`: looked at with every request, without a lock.
    listens: AtomicBool,
    joined: Mutex<Option<watch::Receiver<Outcome>>>,
}

/// The longest queue. More at a time is a flood, in which each would wait for its turn.
const MAX_QUEUED: usize = 1024;

/// Beyond the deadlines of queue and exchange: for the waking of the worker.
const WAIT_MARGIN: Duration = Duration::from_millis(250);

impl Introspector {
    /// The introspector, and what its desk takes questions from.
    pub(super) fn new(
        settings: &IntrospectionSettings,
        memory: Arc<Memory>,
        shared: &SharedStore,
    ) -> (Self, mpsc::Receiver<LookupRequest>) {
        let (asks, worker) = mpsc::channel(MAX_QUEUED);
        let introspector = Self {
            settings: settings.clone(),
            memory,
            flights: Arc::default(),
            asks,
            // A question waits for its turn at most as long as it may take.
            wait_limit: settings.client.timeout.saturating_mul(2) + shared.patience() + WAIT_MARGIN,
            recheck_seconds: seconds(settings.recheck),
        };
        (introspector, worker)
    }

    /// Which tokens are to be asked about.
    pub fn when(&self) -> IntrospectWhen {
        self.settings.when
    }

    /// How its issuer is asked.
    pub fn settings(&self) -> &IntrospectionSettings {
        &self.settings
    }

    pub(super) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// What the issuer says of a token; `None` if that is unknown. Dropping the future disturbs
    /// nobody else who waits for the same answer (threats I-9).
    pub async fn ask(&self, token: &str, now: UnixTime) -> Option<Statement> {
        let digest = digest_of(token);
        if let Some(statement) = self.memory.find(&digest, now) {
            return Some(statement);
        }
        let mut flight = match self.join(digest, token, None, now) {
            Joined::Flight(flight) => flight,
            Joined::Answered(statement) => return Some(statement),
            Joined::Refused => return self.memory.find_stale(&digest, now),
        };
        let landed = timeout(self.wait_limit, flight.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(outcome)) => outcome.clone().flatten(),
            Ok(Err(_)) => {
                self.memory.find(&digest, now).or_else(|| self.memory.find_stale(&digest, now))
            }
            Err(_) => None,
        }
    }

    /// Begins to watch a token that passes by its signature: the first question is put at once.
    pub fn watch(&self, token: &str, now: UnixTime) -> Arc<Recheck> {
        let digest = digest_of(token);
        // However long ago: a token that was ended does not pass again because it was forgotten
        // here.
        let is_inactive = self.memory.has_called_inactive(&digest);
        let known = self.memory.find(&digest, now);
        // It was said a moment ago, and is not asked again with every try.
        let is_fresh = is_inactive && known.is_some();
        let next = if is_fresh { now.0.saturating_add(self.recheck_seconds) } else { i64::MIN };
        let recheck = Arc::new(Recheck {
            inactive: AtomicBool::new(is_inactive),
            next: AtomicI64::new(next),
            listens: AtomicBool::new(false),
            joined: Mutex::new(None),
        });
        self.may_pass(&recheck, token, now);
        recheck
    }

    /// Whether a watched token may still pass. Puts the next question when it is due, and waits
    /// for no answer.
    pub fn may_pass(&self, recheck: &Arc<Recheck>, token: &str, now: UnixTime) -> bool {
        recheck.hear();
        let due = recheck.next.load(Ordering::Relaxed);
        if now.0 >= due {
            let next = now.0.saturating_add(self.recheck_seconds);
            let claimed =
                recheck.next.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() {
                match self.join(digest_of(token), token, Some(Arc::clone(recheck)), now) {
                    Joined::Flight(flight) => recheck.listen(flight),
                    Joined::Answered(_) => {}
                    // Not asked: the turn is not used up.
                    Joined::Refused => {
                        recheck.next.store(now.0.saturating_add(1), Ordering::Relaxed);
                    }
                }
            }
        }
        !recheck.is_inactive()
    }

    /// Joins the question about a token that is under way, or puts one.
    fn join(
        &self,
        digest: Digest,
        token: &str,
        recheck: Option<Arc<Recheck>>,
        now: UnixTime,
    ) -> Joined {
        let (outcome, flight) = watch::channel(None);
        match self.flights.entry(digest) {
            Entry::Occupied(under_way) => return Joined::Flight(under_way.get().clone()),
            Entry::Vacant(place) => drop(place.insert(flight.clone())),
        }
        let mut under_way = Flight { digest, outcome, flights: Some(Arc::clone(&self.flights)) };
        // The last flight may have landed between the look into the memory and the take-off.
        if recheck.is_none()
            && let Some(statement) = self.memory.find(&digest, now)
        {
            // Others may have joined this one meanwhile.
            under_way.leave();
            under_way.outcome.send_replace(Some(Some(statement.clone())));
            return Joined::Answered(statement);
        }
        let token = Zeroizing::new(token.to_owned());
        let ask = LookupRequest { token, since: Instant::now(), recheck, flight: under_way };
        match self.asks.try_send(ask) {
            Ok(()) => Joined::Flight(flight),
            Err(_) => Joined::Refused,
        }
    }
}

enum Joined {
    Flight(watch::Receiver<Outcome>),
    Answered(Statement),
    /// The worker's queue is full, or the worker is gone.
    Refused,
}

impl Recheck {
    /// Whether the issuer has said that the token is not active.
    pub fn is_inactive(&self) -> bool {
        self.inactive.load(Ordering::Relaxed)
    }

    /// Somebody asks: what the issuer says counts here as well, whichever request asked.
    fn listen(&self, flight: watch::Receiver<Outcome>) {
        *self.joined.lock() = Some(flight);
        self.listens.store(true, Ordering::Relaxed);
    }

    /// Takes note of the answer, if there is one by now.
    fn hear(&self) {
        if !self.listens.load(Ordering::Relaxed) {
            return;
        }
        let mut joined = self.joined.lock();
        let Some(flight) = joined.as_ref() else {
            return;
        };
        let outcome = flight.borrow().clone();
        if let Some(Some(statement)) = &outcome {
            self.inactive.store(matches!(statement, Statement::Inactive), Ordering::Relaxed);
        }
        if outcome.is_some() || flight.has_changed().is_err() {
            *joined = None;
            self.listens.store(false, Ordering::Relaxed);
        }
    }
}

impl LookupRequest {
    pub(super) fn digest(&self) -> &Digest {
        &self.flight.digest
    }

    /// Tells everybody who waits. What is to be remembered has been by now: a request that comes
    /// later finds it there.
    pub(super) fn answer(mut self, statement: Option<Statement>) {
        if let (Some(recheck), Some(statement)) = (&self.recheck, &statement) {
            let inactive = matches!(statement, Statement::Inactive);
            recheck.inactive.store(inactive, Ordering::Relaxed);
        }
        // In this order: who asks after a waiter was answered asks again, or finds it cached.
        self.flight.leave();
        self.flight.outcome.send_replace(Some(statement));
    }
}

impl Flight {
    /// Nobody may join it any more. A second time it does nothing: there may be another one.
    fn leave(&mut self) {
        if let Some(flights) = self.flights.take() {
            flights.remove(&self.digest);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave();
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests;
