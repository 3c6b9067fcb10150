//! Single flight: concurrent lookups of one key share one request.

use std::{borrow::Borrow, fmt::Debug, hash::Hash, sync::Arc, time::Duration};

use dashmap::{DashMap, Entry};
use tokio::{sync::watch, time::timeout};

/// The lookups in flight, by key: each with the place where its answer will appear.
#[derive(Debug)]
pub(super) struct SingleFlight<K: Eq + Hash, A> {
    in_flight: Arc<InFlight<K, A>>,
}

type InFlight<K, A> = DashMap<K, watch::Receiver<Option<A>>>;

/// The outcome of joining a flight.
pub(super) enum Entered<K: Eq + Hash, A, T> {
    /// A lookup of the key was in flight.
    JoinOutcome(Waiter<A>),
    /// There is one from now on.
    Begun(Flight<K, A>, Waiter<A>),
    /// There is no need for one.
    NotNeeded(T),
}

/// A lookup in flight. Dropped without an answer, it releases those who wait.
#[derive(Debug)]
pub(super) struct Flight<K: Eq + Hash, A> {
    key: K,
    answer: watch::Sender<Option<A>>,
    /// Where it can be joined; `None` once it can't be any more.
    joinable: Option<Arc<InFlight<K, A>>>,
}

/// A waiter for a response. Dropping it affects no other.
#[derive(Debug, Clone)]
pub(crate) struct Waiter<A>(watch::Receiver<Option<A>>);

/// Why a lookup brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The queue is full, or the worker is gone: it was not even queued.
    Refused,
    /// The worker has dropped it.
    Dropped,
    /// It takes too long.
    TimedOut,
}

impl<K: Clone + Eq + Hash, A> SingleFlight<K, A> {
    /// Joins the lookup of the key that is in flight. Without one, begins one unless `instead` has
    /// something: the last flight may have ended since its caller checked the cache. Only one
    /// caller at a time is in there for a key; it must not come back here.
    pub(super) fn enter<T>(&self, key: K, instead: impl FnOnce() -> Option<T>) -> Entered<K, A, T> {
        let place = match self.in_flight.entry(key) {
            Entry::Occupied(flight) => return Entered::JoinOutcome(Waiter(flight.get().clone())),
            Entry::Vacant(place) => place,
        };
        if let Some(instead) = instead() {
            return Entered::NotNeeded(instead);
        }
        let (answer, waiter) = watch::channel(None);
        let key = place.key().clone();
        drop(place.insert(waiter.clone()));
        let joinable = Some(Arc::clone(&self.in_flight));
        Entered::Begun(Flight { key, answer, joinable }, Waiter(waiter))
    }

    /// The lookup of the key that is in flight.
    pub(super) fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Waiter<A>>
    where
        K: Borrow<Q>,
    {
        self.in_flight.get(key).map(|flight| Waiter(flight.clone()))
    }
}

impl<K: Eq + Hash, A> Default for SingleFlight<K, A> {
    fn default() -> Self {
        Self { in_flight: Arc::default() }
    }
}

impl<K: Eq + Hash, A> Flight<K, A> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }

    /// Answers every request that waits. What is to be cached has been by now, so that a later
    /// request finds it.
    pub(super) fn land(mut self, answer: A) {
        // In this order: a lookup after the response must not join the flight that fetched it.
        self.leave();
        self.answer.send_replace(Some(answer));
    }

    /// Can't be joined from here on. A second call does nothing: the key may be another flight's.
    fn leave(&mut self) {
        if let Some(joinable) = self.joinable.take() {
            joinable.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, A> Drop for Flight<K, A> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<A: Clone> Waiter<A> {
    /// The answer, when it is there.
    pub(crate) async fn wait(mut self, limit: Duration) -> Result<A, NoAnswer> {
        match timeout(limit, self.0.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone().ok_or(NoAnswer::Dropped),
            Ok(Err(_)) => Err(NoAnswer::Dropped),
            Err(_) => Err(NoAnswer::TimedOut),
        }
    }

    /// The answer, if it is there by now; `None` while the lookup is in flight.
    pub(crate) fn peek(&self) -> Option<Result<A, NoAnswer>> {
        // Checked first: a response is published before its sender is dropped.
        let is_dropped = self.0.has_changed().is_err();
        match self.0.borrow().clone() {
            Some(answer) => Some(Ok(answer)),
            None => is_dropped.then_some(Err(NoAnswer::Dropped)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        task::{Context, Wake, Waker},
    };

    use super::*;

    type Flights = SingleFlight<&'static str, u32>;

    const LIMIT: Duration = Duration::from_secs(10);

    fn begin(flights: &Flights, key: &'static str) -> (Flight<&'static str, u32>, Waiter<u32>) {
        match flights.enter(key, || None::<()>) {
            Entered::Begun(flight, waiter) => (flight, waiter),
            _ => panic!("a lookup of {key} is in flight"),
        }
    }

    fn join(flights: &Flights, key: &'static str) -> Waiter<u32> {
        match flights.enter(key, || -> Option<()> { panic!("there is one to join") }) {
            Entered::JoinOutcome(waiter) => waiter,
            _ => panic!("no lookup of {key} is in flight"),
        }
    }

    #[tokio::test]
    async fn all_who_join_a_flight_are_given_its_answer() {
        let flights = Flights::default();
        let (flight, first) = begin(&flights, "a");
        let (second, found) = (join(&flights, "a"), flights.find("a").unwrap());
        let (_other, _) = begin(&flights, "b");
        assert!(first.peek().is_none());
        flight.land(7);
        for waiter in [first, second, found] {
            assert_eq!(waiter.peek(), Some(Ok(7)));
            assert_eq!(waiter.wait(LIMIT).await, Ok(7));
        }
        assert!(flights.find("a").is_none(), "the next one is another flight");
    }

    #[tokio::test]
    async fn i9_a_waiter_that_goes_away_disturbs_no_other() {
        let flights = Flights::default();
        let (flight, first) = begin(&flights, "a");
        let second = tokio::spawn(join(&flights, "a").wait(LIMIT));
        let third = tokio::spawn(join(&flights, "a").wait(LIMIT));
        drop(first);
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        flight.land(7);
        assert_eq!(third.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn a_dropped_flight_releases_those_who_wait() {
        let flights = Flights::default();
        let (flight, waiter) = begin(&flights, "a");
        let waiting = tokio::spawn(waiter.clone().wait(LIMIT));
        drop(flight);
        assert_eq!(waiting.await.unwrap(), Err(NoAnswer::Dropped));
        assert_eq!(waiter.peek(), Some(Err(NoAnswer::Dropped)));
        begin(&flights, "a");
    }

    /// Checks, when it is woken, whether the flight can still be joined.
    #[derive(Default)]
    struct AtWake {
        flights: Flights,
        is_awake: AtomicBool,
        can_be_joined: AtomicBool,
    }

    impl Wake for AtWake {
        fn wake(self: Arc<Self>) {
            self.can_be_joined.store(self.flights.find("a").is_some(), Relaxed);
            self.is_awake.store(true, Relaxed);
        }
    }

    #[tokio::test]
    async fn who_has_the_answer_and_asks_again_begins_another_flight() {
        let at_wake = Arc::new(AtWake::default());
        let (flight, waiter) = begin(&at_wake.flights, "a");
        let waker = Waker::from(Arc::clone(&at_wake));
        let mut waiting = pin!(waiter.wait(LIMIT));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        flight.land(7);
        assert!(at_wake.is_awake.load(Relaxed) && !at_wake.can_be_joined.load(Relaxed));
        assert_eq!(waiting.await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gives_up_at_the_deadline() {
        let flights = Flights::default();
        let (_flight, waiter) = begin(&flights, "a");
        assert_eq!(waiter.wait(LIMIT).await, Err(NoAnswer::TimedOut));
    }

    #[test]
    fn a_flight_that_has_left_does_not_end_the_next_one_of_its_key() {
        let flights = Flights::default();
        let (mut first, _) = begin(&flights, "a");
        first.leave();
        let (_second, _) = begin(&flights, "a");
        first.leave();
        drop(first);
        join(&flights, "a");
    }

    #[test]
    fn what_landed_since_the_caller_looked_is_found_before_another_flight_begins() {
        let flights = Flights::default();
        assert!(matches!(flights.enter("a", || Some(7)), Entered::NotNeeded(7)));
        assert!(flights.find("a").is_none());
    }
}
