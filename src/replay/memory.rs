//! The store of one process.

use crate::clock::{UnixTime, seconds};

use super::{
    ReplayCheck, ReplayId, ReplayLimits, ReplayReservation, ReplayStore,
    table::{ReplayState, SharedTable},
};

/// Remembers in memory: for all workers, across reloads, until the process ends. Each check holds
/// a lock for one lookup in a table.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    table: SharedTable,
    limits: ReplayLimits,
}

impl MemoryStore {
    pub(super) fn new(table: SharedTable, limits: ReplayLimits) -> Self {
        Self { table, limits }
    }

    pub(super) fn limits(&self) -> ReplayLimits {
        self.limits
    }

    /// What is known of the id; remembers nothing.
    pub(super) fn check(&self, id: ReplayId, now: UnixTime) -> ReplayState {
        self.table.lock().check(id, now, self.limits.max_entries)
    }

    /// The synchronous [`ReplayStore::check_and_insert`]: memory needs no waiting.
    pub(super) fn check_and_insert_now(&self, id: ReplayId, now: UnixTime) -> ReplayCheck {
        let ReplayLimits { window, max_entries } = self.limits;
        let until = UnixTime(now.0.saturating_add(seconds(window)));
        match self.table.lock().check_and_insert(id, now, until, max_entries) {
            ReplayState::New => ReplayCheck::New(ReplayReservation::new(id, self.table.clone())),
            ReplayState::Replayed => ReplayCheck::Replayed,
            ReplayState::Full => ReplayCheck::Full,
        }
    }
}

impl ReplayStore for MemoryStore {
    async fn check_and_insert(&self, id: ReplayId, now: UnixTime) -> ReplayCheck {
        self.check_and_insert_now(id, now)
    }
}
