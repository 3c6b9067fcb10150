//! The requests' side: join the lookup of a key that is in flight, or queue one for the worker.

use std::{borrow::Borrow, fmt, hash::Hash, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{
    Lookup,
    single_flight::{Entered, Flight, NoAnswer, SingleFlight, Waiter},
};

/// The lookups at one endpoint. Shared by all threads.
#[derive(Debug)]
pub(crate) struct Lookups<L: Lookup> {
    flights: SingleFlight<L::Key, L::Answer>,
    queue: mpsc::Sender<LookupRequest<L>>,
    wait_limit: Duration,
}

/// What bounds the lookups at one endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookupLimits {
    /// How many requests are in flight at a time.
    pub(crate) concurrency: usize,
    /// How long a request may take, and how long it may wait in the queue.
    pub(crate) timeout: Duration,
    /// How long [`Lookup::find_elsewhere`] may take.
    pub(crate) elsewhere: Duration,
}

/// The end of the queue that the worker takes requests from.
#[derive(Debug)]
pub(crate) struct LookupQueue<L: Lookup> {
    pub(super) limits: LookupLimits,
    requests: mpsc::Receiver<LookupRequest<L>>,
}

/// A lookup in the queue. Dropped without an answer, it releases those who wait.
pub(crate) struct LookupRequest<L: Lookup> {
    flight: Flight<L::Key, L::Answer>,
    request: L::Request,
    since: Instant,
}

/// The outcome of joining a lookup.
pub(crate) enum JoinOutcome<A, T> {
    /// It is in flight.
    InFlight(Waiter<A>),
    /// There was no need for one.
    NotNeeded(T),
    /// The queue is full, or the worker is gone.
    Refused,
}

/// The longest queue. Beyond it each lookup would wait too long for its turn.
const MAX_QUEUED: usize = 1024;

/// Beyond the deadlines of queue and request: for the waking of the worker.
const WAIT_MARGIN: Duration = Duration::from_millis(250);

impl<L: Lookup> Lookups<L> {
    /// The lookups, and the queue that a [`LookupWorker`](super::LookupWorker) serves.
    pub(crate) fn new(limits: LookupLimits) -> (Self, LookupQueue<L>) {
        let (queue, requests) = mpsc::channel(MAX_QUEUED);
        let wait_limit = limits.timeout.saturating_mul(2) + limits.elsewhere + WAIT_MARGIN;
        let lookups = Self { flights: SingleFlight::default(), queue, wait_limit };
        (lookups, LookupQueue { limits, requests })
    }

    /// Waits for the answer to a lookup of the key. The caller has missed the cache; `cached`
    /// checks it once more, for entries added since. Dropping the future affects no other waiter.
    pub(crate) fn find(
        &self,
        key: L::Key,
        request: impl FnOnce() -> L::Request,
        cached: impl FnOnce() -> Option<L::Answer>,
    ) -> impl Future<Output = Result<L::Answer, NoAnswer>> {
        // Joined before the first poll, so that the future holds no more than it waits for.
        let joined = self.join(key, request, cached);
        async move {
            match joined {
                JoinOutcome::InFlight(waiter) => self.wait(waiter).await,
                JoinOutcome::NotNeeded(answer) => Ok(answer),
                JoinOutcome::Refused => Err(NoAnswer::Refused),
            }
        }
    }

    /// Joins the lookup of the key that is in flight, or queues one unless `instead` has something.
    /// That is called with the key locked, and must not come back here.
    pub(crate) fn join<T>(
        &self,
        key: L::Key,
        request: impl FnOnce() -> L::Request,
        instead: impl FnOnce() -> Option<T>,
    ) -> JoinOutcome<L::Answer, T> {
        let (flight, waiter) = match self.flights.enter(key, instead) {
            Entered::JoinOutcome(waiter) => return JoinOutcome::InFlight(waiter),
            Entered::NotNeeded(instead) => return JoinOutcome::NotNeeded(instead),
            Entered::Begun(flight, waiter) => (flight, waiter),
        };
        let queued = LookupRequest { flight, request: request(), since: Instant::now() };
        match self.queue.try_send(queued) {
            Ok(()) => JoinOutcome::InFlight(waiter),
            Err(_) => JoinOutcome::Refused,
        }
    }

    /// The lookup of the key that is in flight.
    pub(crate) fn in_flight<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Waiter<L::Answer>>
    where
        L::Key: Borrow<Q>,
    {
        self.flights.find(key)
    }

    /// Waits for the answer of a lookup, within what queue and request may take.
    pub(crate) fn wait(
        &self,
        waiter: Waiter<L::Answer>,
    ) -> impl Future<Output = Result<L::Answer, NoAnswer>> + use<L> {
        waiter.wait(self.wait_limit)
    }
}

impl<L: Lookup> LookupQueue<L> {
    /// The next request; `None` once every sender is dropped.
    pub(super) async fn next(&mut self) -> Option<LookupRequest<L>> {
        self.requests.recv().await
    }

    /// The next request, if there is one.
    #[cfg(test)]
    pub(crate) fn try_next(&mut self) -> Option<LookupRequest<L>> {
        self.requests.try_recv().ok()
    }
}

impl<L: Lookup> LookupRequest<L> {
    pub(super) fn key(&self) -> &L::Key {
        self.flight.key()
    }

    pub(super) fn request(&self) -> &L::Request {
        &self.request
    }

    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    /// Answers every request that waits.
    pub(crate) fn answer(self, answer: L::Answer) {
        self.flight.land(answer);
    }
}

impl<L: Lookup> fmt::Debug for LookupRequest<L> {
    /// Without the request, which may hold a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        f.debug_struct("LookupRequest").field("key", key).finish_non_exhaustive()
    }
}
