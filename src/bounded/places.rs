//! Places of which only so many are taken at once, by all threads together; and the line of those
//! who wait for one.

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::oneshot::{self, error::RecvError};

/// A number of places. Taking and freeing one is a few atomic instructions as long as no request
/// waits.
#[derive(Debug)]
pub(crate) struct SharedPlaces {
    max: AtomicUsize,
    /// How many may wait.
    room: AtomicUsize,
    taken: AtomicUsize,
    /// The length of the line.
    waiting: AtomicUsize,
    line: Mutex<WaitingLine>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<SharedPlaces>);

/// A position in the line. Ready when it has come to its place; dropped before, it is given up.
#[derive(Debug)]
pub(crate) struct Waiting {
    places: Arc<SharedPlaces>,
    ticket: u64,
    /// `None`: it has come.
    turn: Option<oneshot::Receiver<()>>,
}

/// Those who wait, by their thread: in the order of their tickets, which is that of their coming.
#[derive(Debug, Default)]
struct WaitingLine {
    length: usize,
    next_ticket: u64,
    by_thread: HashMap<ThreadId, BTreeMap<u64, PlaceWaiter>>,
}

#[derive(Debug)]
struct PlaceWaiter {
    place: oneshot::Sender<()>,
    since: Instant,
}

/// A place that becomes free goes to the thread that frees it, where what goes with it, such as a
/// connection, can be used again; unless another thread has waited for longer than this.
const OWN_THREAD_FIRST: Duration = Duration::from_millis(50);

impl SharedPlaces {
    /// So many places, for which so many may wait.
    pub(crate) fn new(max: usize, room: usize) -> Arc<Self> {
        Arc::new(Self {
            max: AtomicUsize::new(max),
            room: AtomicUsize::new(room),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::default(),
        })
    }

    /// So many places from now on, for which so many may wait. Those that are taken stay so, if
    /// there are more of them; those that wait already may wait on.
    pub(crate) fn resize(&self, max: usize, room: usize) {
        let mut line = self.line.lock();
        self.max.store(max, SeqCst);
        self.room.store(room, SeqCst);
        self.serve(&mut line);
    }

    /// How many are taken.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.taken.load(SeqCst)
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// Whether a place is free.
    pub(crate) fn has_free(&self) -> bool {
        self.taken.load(SeqCst) < self.max.load(SeqCst)
    }

    /// A place, if one is free and no request waits.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        (self.waiting() == 0 && self.count()).then(|| Place(Arc::clone(self)))
    }

    /// A position at the end of the line. `None`: it is too long already.
    pub(crate) fn wait(self: &Arc<Self>) -> Option<Waiting> {
        let mut line = self.line.lock();
        if line.length >= self.room.load(SeqCst) {
            return None;
        }
        let (sender, turn) = oneshot::channel();
        let ticket = line.join(sender);
        self.waiting.store(line.length, SeqCst);
        // One that became free meanwhile may have found the line empty.
        self.serve(&mut line);
        Some(Waiting { places: Arc::clone(self), ticket, turn: Some(turn) })
    }

    /// Counts a place as taken, if one is free.
    fn count(&self) -> bool {
        let max = self.max.load(SeqCst);
        let more = |taken| (taken < max).then_some(taken + 1);
        self.taken.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    /// Gives places that are free to those who wait.
    fn serve(&self, line: &mut WaitingLine) {
        while line.length > 0 && self.count() {
            let next = line.next();
            if next.is_none_or(|waiter| waiter.place.send(()).is_err()) {
                // It has left just now.
                self.taken.fetch_sub(1, SeqCst);
            }
        }
        self.waiting.store(line.length, SeqCst);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(places) = self;
        places.taken.fetch_sub(1, SeqCst);
        if places.waiting() > 0 {
            places.serve(&mut places.line.lock());
        }
    }
}

impl Future for Waiting {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Place> {
        let Some(turn) = &mut self.turn else {
            return Poll::Pending;
        };
        // Only its sender's drop is an error, and that is in the line until the turn comes.
        let _: Result<(), RecvError> = ready!(Pin::new(turn).poll(cx));
        self.turn = None;
        Poll::Ready(Place(Arc::clone(&self.places)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(mut turn) = self.turn.take() else { return };
        turn.close();
        if turn.try_recv().is_ok() {
            drop(Place(Arc::clone(&self.places)));
            return;
        }
        let mut line = self.places.line.lock();
        line.leave(self.ticket);
        self.places.waiting.store(line.length, SeqCst);
    }
}

impl WaitingLine {
    fn join(&mut self, place: oneshot::Sender<()>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.length += 1;
        let waiters = self.by_thread.entry(thread::current().id()).or_default();
        waiters.insert(ticket, PlaceWaiter { place, since: Instant::now() });
        ticket
    }

    /// Takes out who is next.
    fn next(&mut self) -> Option<PlaceWaiter> {
        let first = |(thread, waiters): (&ThreadId, &BTreeMap<u64, PlaceWaiter>)| {
            let (ticket, waiter) = waiters.first_key_value()?;
            Some((*ticket, waiter.since, *thread))
        };
        let (_, since, thread) =
            self.by_thread.iter().filter_map(first).min_by_key(|(ticket, ..)| *ticket)?;
        let own = thread::current().id();
        let is_own = self.by_thread.contains_key(&own) && since.elapsed() < OWN_THREAD_FIRST;
        self.remove(if is_own { own } else { thread }, BTreeMap::pop_first)
    }

    fn leave(&mut self, ticket: u64) {
        // A position is given up where it was taken, except at the end of a runtime.
        let own = thread::current().id();
        let is_there = |thread: &ThreadId| {
            self.by_thread.get(thread).is_some_and(|waiters| waiters.contains_key(&ticket))
        };
        let thread = Some(own).filter(is_there);
        let thread = thread.or_else(|| self.by_thread.keys().copied().find(is_there));
        if let Some(thread) = thread {
            self.remove(thread, |waiters| waiters.remove_entry(&ticket));
        }
    }

    fn remove(
        &mut self,
        thread: ThreadId,
        which: impl FnOnce(&mut BTreeMap<u64, PlaceWaiter>) -> Option<(u64, PlaceWaiter)>,
    ) -> Option<PlaceWaiter> {
        let waiters = self.by_thread.get_mut(&thread)?;
        let (_, waiter) = which(waiters)?;
        if waiters.is_empty() {
            self.by_thread.remove(&thread);
        }
        self.length -= 1;
        Some(waiter)
    }
}

#[cfg(test)]
mod tests;
