//! A token that passes by its signature and is introspected beside its requests (`hybrid`).

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::{
    clock::{ClockAnchor, UnixTime},
    lookup::Waiter,
};

use super::Statement;

/// The latest recheck's result, and when the next one is due.
#[derive(Debug)]
pub struct Recheck {
    inactive: AtomicBool,
    next: AtomicI64,
    /// The [`ClockAnchor`] of the moment at which `next` was set.
    since: AtomicI64,
    /// Whether `joined` has a lookup: read with every request, without a lock.
    listens: AtomicBool,
    joined: Mutex<Option<Waiter<Option<Statement>>>>,
}

impl Recheck {
    pub(super) fn new(is_inactive: bool, next: UnixTime, now: UnixTime) -> Self {
        Self {
            inactive: AtomicBool::new(is_inactive),
            next: AtomicI64::new(next.0),
            since: AtomicI64::new(ClockAnchor::at(now).to_bits()),
            listens: AtomicBool::new(false),
            joined: Mutex::new(None),
        }
    }

    /// Whether the issuer has responded that the token is not active.
    pub fn is_inactive(&self) -> bool {
        self.inactive.load(Ordering::Relaxed)
    }

    /// Whether a recheck is due. If so, this call claims it: no other request rechecks for
    /// `interval` seconds, though the clock is set back.
    pub(super) fn claims_turn(&self, now: UnixTime, interval: i64) -> bool {
        let due = self.next.load(Ordering::Relaxed);
        let since = ClockAnchor::from_bits(self.since.load(Ordering::Relaxed));
        if since.latest(now) < UnixTime(due) {
            return false;
        }
        let next = now.0.saturating_add(interval);
        let is_claimed =
            self.next.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_claimed {
            // A reader of the new `next` with the old anchor sends one more recheck at most.
            self.since.store(ClockAnchor::at(now).to_bits(), Ordering::Relaxed);
        }
        is_claimed
    }

    /// The lookup was refused: the turn is not used up.
    pub(super) fn postpone(&self, now: UnixTime) {
        self.next.store(now.0.saturating_add(1), Ordering::Relaxed);
        self.since.store(ClockAnchor::at(now).to_bits(), Ordering::Relaxed);
    }

    /// A lookup of the token is in flight: its answer counts here as well, whichever request began
    /// it.
    pub(super) fn listen(&self, lookup: Waiter<Option<Statement>>) {
        *self.joined.lock() = Some(lookup);
        self.listens.store(true, Ordering::Relaxed);
    }

    /// Takes the answer of the lookup in flight, if it is there by now.
    pub(super) fn hear(&self) {
        if !self.listens.load(Ordering::Relaxed) {
            return;
        }
        let mut joined = self.joined.lock();
        let Some(landed) = joined.as_ref().and_then(Waiter::peek) else {
            return;
        };
        if let Ok(Some(statement)) = &landed {
            self.note(statement);
        }
        *joined = None;
        self.listens.store(false, Ordering::Relaxed);
    }

    pub(super) fn note(&self, statement: &Statement) {
        self.inactive.store(matches!(statement, Statement::Inactive), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const NOW: UnixTime = UnixTime(1_900_000_000);
    const AN_HOUR_BACK: UnixTime = UnixTime(NOW.0 - 3600);

    #[tokio::test(start_paused = true)]
    async fn d11_a_recheck_is_due_in_time_though_the_clock_is_set_back() {
        let recheck = Recheck::new(false, UnixTime(i64::MIN), NOW);
        assert!(recheck.claims_turn(NOW, 30) && !recheck.claims_turn(NOW, 30));
        advance(Duration::from_secs(29)).await;
        assert!(!recheck.claims_turn(AN_HOUR_BACK, 30));
        advance(Duration::from_secs(1)).await;
        assert!(recheck.claims_turn(AN_HOUR_BACK, 30) && !recheck.claims_turn(AN_HOUR_BACK, 30));
        assert!(recheck.claims_turn(NOW, 30), "the clock is set right");
    }
}
