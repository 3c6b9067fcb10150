//! The requests' side: find a signer, joining the lookup of the same one that is in flight.

use std::{sync::Arc, time::Duration};

use dashmap::{DashMap, Entry};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use crate::{
    clock::{Clock, UnixTime, seconds},
    jose::Object,
    registry::settings::{FieldRequirement, RegistrySettings},
    tasks::Tasks,
    telemetry::Metrics,
};

use super::{
    LookupError, Registered, Unapproved,
    entries::{Cached, Entries},
    health::Health,
    lookup_worker::LookupWorker,
    snapshot::{Snapshot, identity},
    source::Source,
};

/// One registry. Shared by all workers.
#[derive(Debug)]
pub struct Registry {
    entries: Arc<Entries>,
    flights: Arc<Flights>,
    asks: mpsc::Sender<LookupRequest>,
    health: Arc<Health>,
    worker: Mutex<Option<(LookupWorker, mpsc::Receiver<LookupRequest>)>>,
    identity: String,
    require: Vec<FieldRequirement>,
    wait_limit: Duration,
    cooldown: i64,
    clock: Arc<dyn Clock>,
}

/// The questions under way, by signer: each with the place where its answer will appear.
pub(super) type Flights = DashMap<String, watch::Receiver<Outcome>>;

/// `None`: no answer yet.
pub(super) type Outcome = Option<Result<Arc<Registered>, LookupError>>;

/// A lookup in the queue of the worker.
#[derive(Debug)]
pub(super) struct LookupRequest {
    pub(super) signer: String,
    pub(super) since: Instant,
    /// A wrong signature asks: what other questions have brought will not do.
    pub(super) is_forced: bool,
    outcome: watch::Sender<Outcome>,
    /// Where it can be joined. `None`: nowhere any more.
    flights: Option<Arc<Flights>>,
}

/// The longest queue. More at a time is a flood, in which each would wait for its turn.
const MAX_QUEUED: usize = 1024;
/// Beyond the deadlines of queue and question: for the waking of the worker.
const WAIT_MARGIN: Duration = Duration::from_millis(250);
/// The longest name of a signer that is looked up; it becomes a part of a URL.
const MAX_NAME_BYTES: usize = 256;
/// The least time between two renewals of an entry in the background, in seconds: a registry that
/// fails is not asked with every request.
const REFRESH_PAUSE: i64 = 5;

impl Registry {
    /// The registry of `[signatures.NAME]`. Nobody is asked before its tasks run.
    pub fn new(
        name: &str,
        settings: &RegistrySettings,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let (asks, queue) = mpsc::channel(MAX_QUEUED);
        let entries = Arc::new(Entries::new(settings));
        let health = Arc::new(Health::new(name, settings.url.to_string(), metrics));
        let worker = LookupWorker::new(
            Source::new(settings, &clock),
            Arc::clone(&entries),
            Arc::clone(&health),
            Snapshot::of(name, settings),
            Arc::clone(&clock),
            settings,
        );
        Arc::new(Self {
            entries,
            flights: Arc::default(),
            asks,
            health,
            worker: Mutex::new(Some((worker, queue))),
            identity: identity(settings),
            require: settings.require.clone(),
            // A question waits for its turn at most as long as it may take.
            wait_limit: settings.client.timeout.saturating_mul(2) + WAIT_MARGIN,
            cooldown: seconds(settings.cooldown),
            clock,
        })
    }

    /// The registry's worker; a second call has none.
    pub(crate) fn tasks(&self) -> Tasks {
        let worker = self.worker.lock().take();
        worker.into_iter().map(|(worker, queue)| worker.run(queue)).collect()
    }

    /// Finds a signer. One who is known is found without waiting; dropping the future disturbs
    /// nobody else who waits for the same answer.
    ///
    /// # Errors
    /// See [`LookupError`].
    pub async fn find(&self, signer: &str) -> Result<Arc<Registered>, LookupError> {
        if !is_name(signer) {
            return Err(LookupError::Unknown);
        }
        let now = self.clock.now();
        match self.entries.find(signer, now) {
            Cached::Fresh(entry) => Ok(entry),
            Cached::Stale(entry) => {
                if entry.claims_refresh(now, REFRESH_PAUSE) {
                    self.join(signer, now);
                }
                Ok(entry)
            }
            Cached::Expired(entry) => self.find_overdue(signer, entry, now).await,
            Cached::Unknown => Err(LookupError::Unknown),
            Cached::BackingOff => Err(LookupError::Unavailable),
            Cached::Miss => self.wait_for(signer, now).await,
        }
    }

    /// Nobody asked for this signer while its entry aged, so that nobody knows what has become of
    /// it: a key that was withdrawn long ago must not pass once more. Only if there is no answer
    /// the entry counts.
    async fn find_overdue(
        &self,
        signer: &str,
        entry: Arc<Registered>,
        now: UnixTime,
    ) -> Result<Arc<Registered>, LookupError> {
        let under_way = self.flights.get(signer).map(|flight| flight.clone());
        let answer = match under_way {
            Some(flight) => self.landed(flight).await,
            None if entry.claims_refresh(now, REFRESH_PAUSE) => self.wait_for(signer, now).await,
            // It was asked without success a moment ago.
            None => return Ok(entry),
        };
        match answer {
            Err(LookupError::Unavailable) => Ok(entry),
            answer => answer,
        }
    }

    /// Finds a signer whose signature is wrong under the key in `than`: the key may have changed.
    /// One renewal per signer and cooldown is shared by all who ask; without one, with an answer
    /// that does not come, or with one that changes nothing, it is `than` again.
    pub async fn find_renewed(&self, signer: &str, than: &Arc<Registered>) -> Arc<Registered> {
        let mut latest = Arc::clone(than);
        // A flight that was under way may have been answered before the key changed.
        for _ in 0..2 {
            let now = self.clock.now();
            let flight = match self.join_renewal(signer, than, now) {
                Renewal::Flight(flight) => flight,
                Renewal::Known(entry) => return entry,
                Renewal::NotNow => return latest,
            };
            match self.landed(flight).await {
                Ok(entry) if !entry.has_same_keys(than) => return entry,
                // The keys are the same; what else is said of the signer may not be.
                Ok(entry) if !Arc::ptr_eq(&entry, than) => latest = entry,
                _ => {
                    // No answer: a hiccup must not cost the whole cooldown.
                    than.allow_renewal(UnixTime(now.0.saturating_add(REFRESH_PAUSE)));
                    return latest;
                }
            }
        }
        latest
    }

    /// Whether the registry says of a signer what it has to.
    ///
    /// # Errors
    /// See [`Unapproved`].
    pub fn check(&self, entry: &Registered, claims: Option<&Object>) -> Result<(), Unapproved> {
        entry.check(&self.require, claims)
    }

    /// Whether the same questions are put to the same registry.
    pub fn is_like(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Remembers what the registry of an earlier configuration knows.
    pub fn learn_from(&self, earlier: &Self) {
        for (signer, entry) in earlier.entries.all() {
            self.entries.know(&signer, entry);
        }
        self.entries.are_inherited();
    }

    /// What is wrong with the registry, for people; `None` while it answers.
    pub fn trouble(&self) -> Option<String> {
        self.health.trouble(self.clock.now())
    }

    async fn wait_for(&self, signer: &str, now: UnixTime) -> Result<Arc<Registered>, LookupError> {
        match self.join(signer, now) {
            Joined::Flight(flight) => self.landed(flight).await,
            Joined::Answered(entry) => Ok(entry),
            Joined::Refused => {
                self.health.refused();
                Err(LookupError::Unavailable)
            }
        }
    }

    async fn landed(
        &self,
        mut flight: watch::Receiver<Outcome>,
    ) -> Result<Arc<Registered>, LookupError> {
        let landed = timeout(self.wait_limit, flight.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(LookupError::Unavailable)),
            _ => Err(LookupError::Unavailable),
        }
    }

    /// The same for a renewal. Decided while nobody else can: of those who come at once, one asks,
    /// and the others join.
    fn join_renewal(&self, signer: &str, than: &Arc<Registered>, now: UnixTime) -> Renewal {
        let (outcome, flight) = watch::channel(None);
        let place = match self.flights.entry(signer.to_owned()) {
            Entry::Occupied(under_way) => return Renewal::Flight(under_way.get().clone()),
            Entry::Vacant(place) => place,
        };
        let current = match self.entries.find(signer, now) {
            Cached::Fresh(entry) | Cached::Stale(entry) | Cached::Expired(entry) => entry,
            Cached::Unknown | Cached::BackingOff | Cached::Miss => Arc::clone(than),
        };
        if !current.has_same_keys(than) {
            return Renewal::Known(current);
        }
        if !current.claims_renewal(now, self.cooldown) {
            return Renewal::NotNow;
        }
        drop(place.insert(flight.clone()));
        match self.asks.try_send(self.ask(signer, true, outcome)) {
            Ok(()) => Renewal::Flight(flight),
            Err(_) => Renewal::NotNow,
        }
    }

    fn ask(&self, signer: &str, is_forced: bool, outcome: watch::Sender<Outcome>) -> LookupRequest {
        LookupRequest {
            signer: signer.to_owned(),
            since: Instant::now(),
            is_forced,
            outcome,
            flights: Some(Arc::clone(&self.flights)),
        }
    }

    /// Joins the question about a signer that is under way, or puts one.
    fn join(&self, signer: &str, now: UnixTime) -> Joined {
        let (outcome, flight) = watch::channel(None);
        match self.flights.entry(signer.to_owned()) {
            Entry::Occupied(under_way) => return Joined::Flight(under_way.get().clone()),
            Entry::Vacant(place) => drop(place.insert(flight.clone())),
        }
        let ask = self.ask(signer, false, outcome);
        // The last flight may have landed between the look at the entries and the take-off.
        if let Cached::Fresh(entry) = self.entries.find(signer, now) {
            // Others may have joined this one meanwhile.
            ask.answer(Ok(Arc::clone(&entry)));
            return Joined::Answered(entry);
        }
        match self.asks.try_send(ask) {
            Ok(()) => Joined::Flight(flight),
            Err(_) => Joined::Refused,
        }
    }
}

enum Renewal {
    Flight(watch::Receiver<Outcome>),
    /// Somebody has renewed it already.
    Known(Arc<Registered>),
    /// It was asked for not long ago, or the worker's queue is full.
    NotNow,
}

enum Joined {
    Flight(watch::Receiver<Outcome>),
    Answered(Arc<Registered>),
    /// The desk has too much to do, or is gone.
    Refused,
}

impl LookupRequest {
    /// Tells everybody who waits. What is to be remembered has been by now: a request that comes
    /// later finds it there.
    pub(super) fn answer(mut self, answer: Result<Arc<Registered>, LookupError>) {
        // In this order: who asks after a waiter was answered asks again, or finds it cached.
        self.leave();
        self.outcome.send_replace(Some(answer));
    }

    /// Nobody may join it any more. A second time it does nothing: there may be another one.
    fn leave(&mut self) {
        if let Some(flights) = self.flights.take() {
            flights.remove(&self.signer);
        }
    }
}

impl Drop for LookupRequest {
    fn drop(&mut self) {
        self.leave();
    }
}

fn is_name(signer: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&signer.len()) && !signer.chars().any(char::is_control)
}
