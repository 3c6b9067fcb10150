//! A token that passes by its signature and is introspected beside its requests (`hybrid`).

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::{clock::UnixTime, lookup::Waiter};

use super::Statement;

/// The latest recheck's result, and when the next one is due.
#[derive(Debug)]
pub struct Recheck {
    inactive: AtomicBool,
    next: AtomicI64,
    /// Whether `joined` has a lookup: read with every request, without a lock.
    listens: AtomicBool,
    joined: Mutex<Option<Waiter<Option<Statement>>>>,
}

impl Recheck {
    pub(super) fn new(is_inactive: bool, next: UnixTime) -> Self {
        Self {
            inactive: AtomicBool::new(is_inactive),
            next: AtomicI64::new(next.0),
            listens: AtomicBool::new(false),
            joined: Mutex::new(None),
        }
    }

    /// Whether the issuer has responded that the token is not active.
    pub fn is_inactive(&self) -> bool {
        self.inactive.load(Ordering::Relaxed)
    }

    /// Whether a recheck is due. If so, this call claims it: no other request rechecks for
    /// `interval` seconds.
    pub(super) fn claims_turn(&self, now: UnixTime, interval: i64) -> bool {
        let due = self.next.load(Ordering::Relaxed);
        let next = now.0.saturating_add(interval);
        now.0 >= due
            && self.next.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The lookup was refused: the turn is not used up.
    pub(super) fn postpone(&self, now: UnixTime) {
        self.next.store(now.0.saturating_add(1), Ordering::Relaxed);
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
