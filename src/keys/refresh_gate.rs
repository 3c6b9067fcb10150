//! Lets requests wait for a refresh of keys, and bounds how often they may cause one.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use super::unknown_kids::UnknownKids;

/// How a wait for an unknown `kid` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWait {
    /// The set has the `kid` now: look again.
    Refreshed,
    /// A recent enough fetch did not contain the `kid`.
    Unknown,
    /// The source is unavailable, too many requests wait already, or the deadline passed: whether
    /// it has the `kid` is unknown.
    Unavailable,
}

/// Connects one issuer's refresher with the requests that wait for it. Requests only signal and
/// watch, so one that is dropped affects no other (threat K-9).
#[derive(Debug)]
pub(super) struct RefreshGate {
    /// The zero of all times in here: monotonic, so that no clock jump stretches a wait.
    epoch: Instant,
    cooldown: Duration,
    limit: Duration,
    signal: Notify,
    attempts: watch::Sender<Attempts>,
    waiters: AtomicUsize,
    /// Until then the source's last answer counts as its present one.
    answered_until: AtomicU64,
    /// Until then the refresher rests after a failure.
    backoff_until: AtomicU64,
    unknown: UnknownKids,
}

/// The refresher's attempts so far.
#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    count: u64,
    last_succeeded: bool,
}

/// The most requests of one issuer that wait for a refresh at the same time, all workers together.
/// Each holds a connection and a few hundred bytes; beyond that, [`KeyWait::Unavailable`] is
/// returned at once.
pub(super) const MAX_WAITERS: usize = 1_000;

/// Beyond the fetch's own deadline: for parsing, and for the waking of the worker.
const WAIT_MARGIN: Duration = Duration::from_millis(500);

/// The longest `kid` that is worth a fetch; tokens with a longer one are refused before.
const MAX_KID_BYTES: usize = crate::jose::MAX_KID_BYTES;

impl RefreshGate {
    pub(super) fn new(cooldown: Duration, fetch_timeout: Duration) -> Self {
        Self {
            epoch: Instant::now(),
            cooldown,
            limit: fetch_timeout.saturating_add(WAIT_MARGIN),
            signal: Notify::new(),
            attempts: watch::Sender::new(Attempts::default()),
            waiters: AtomicUsize::new(0),
            answered_until: AtomicU64::new(0),
            backoff_until: AtomicU64::new(0),
            unknown: UnknownKids::new(),
        }
    }

    /// Waits for an attempt that may find the `kid`; `knows` checks the current set.
    pub(super) async fn wait_for(&self, kid: &str, knows: impl Fn() -> bool) -> KeyWait {
        if kid.len() > MAX_KID_BYTES || self.unknown.contains(kid, self.now()) {
            return KeyWait::Unknown;
        }
        // Subscribed before any check: an attempt that ends from here on is either seen by these
        // checks or wakes the wait below.
        let mut attempts = self.attempts.subscribe();
        let seen = attempts.borrow_and_update().count;
        if knows() {
            return KeyWait::Refreshed;
        }
        if self.is_answered() {
            return KeyWait::Unknown;
        }
        if self.is_resting() {
            return KeyWait::Unavailable;
        }
        let Some(_place) = WaiterSlot::take(&self.waiters) else {
            return KeyWait::Unavailable;
        };
        self.signal.notify_one();
        let attempt = timeout(self.limit, attempts.wait_for(|now| now.count > seen)).await;
        let succeeded = matches!(attempt, Ok(Ok(attempts)) if attempts.last_succeeded);
        self.judge(kid, knows(), succeeded)
    }

    fn judge(&self, kid: &str, known: bool, succeeded: bool) -> KeyWait {
        if known {
            return KeyWait::Refreshed;
        }
        if !succeeded {
            return KeyWait::Unavailable;
        }
        let now = self.now();
        let until = now.saturating_add(millis(self.cooldown));
        self.unknown.insert(kid, now, until);
        KeyWait::Unknown
    }

    /// The refresher's side: resolves when a request wants a fetch that may be made now.
    pub(super) async fn wanted(&self) {
        loop {
            self.signal.notified().await;
            if !self.is_answered() && !self.is_resting() {
                return;
            }
        }
    }

    /// The refresher's side: an attempt that began at `started` was answered, and the set is in
    /// its place.
    pub(super) fn answered(&self, started: Instant, replaced: bool) {
        if replaced {
            self.unknown.clear();
        }
        let until = self.at(started).saturating_add(millis(self.cooldown));
        self.answered_until.store(until, Ordering::Release);
        self.backoff_until.store(0, Ordering::Release);
        // The attempt also serves requests that came while it ran. A signal left set would trigger
        // another attempt with no waiter, if this one outlasted the cooldown.
        pin!(self.signal.notified()).enable();
        self.count(true);
    }

    /// The refresher's side: an attempt failed, and the next one is due then.
    pub(super) fn failed(&self, next: Instant) {
        self.backoff_until.store(self.at(next), Ordering::Release);
        self.count(false);
    }

    /// How many `kid`s were requested without success lately.
    pub(super) fn unknown_kids(&self) -> usize {
        self.unknown.len()
    }

    fn count(&self, last_succeeded: bool) {
        self.attempts.send_modify(|attempts| {
            attempts.count += 1;
            attempts.last_succeeded = last_succeeded;
        });
    }

    fn is_answered(&self) -> bool {
        self.now() < self.answered_until.load(Ordering::Acquire)
    }

    fn is_resting(&self) -> bool {
        self.now() < self.backoff_until.load(Ordering::Acquire)
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    fn at(&self, moment: Instant) -> u64 {
        millis(moment.saturating_duration_since(self.epoch))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One of the [`MAX_WAITERS`] places; given back when dropped, however the wait ends.
struct WaiterSlot<'w>(&'w AtomicUsize);

impl<'w> WaiterSlot<'w> {
    fn take(waiters: &'w AtomicUsize) -> Option<Self> {
        let place = Self(waiters);
        let before = waiters.fetch_add(1, Ordering::Relaxed);
        (before < MAX_WAITERS).then_some(place)
    }
}

impl Drop for WaiterSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn k8_who_asked_while_an_attempt_ran_is_answered_by_it() {
        let waiting = RefreshGate::new(Duration::from_secs(1), Duration::from_secs(5));
        let started = Instant::now();
        let (answer, ()) = tokio::join!(waiting.wait_for("new", || false), async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            waiting.answered(started, false);
        });
        assert_eq!(answer, KeyWait::Unknown);
        let wanted_again = timeout(Duration::from_secs(10), waiting.wanted()).await;
        assert!(wanted_again.is_err(), "an attempt without a waiter");
    }
}
