//! The store of one process.

use crate::clock::UnixTime;

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
    pub(super) fn check(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> ReplayState {
        self.table.lock().check(id, issued, now, self.limits)
    }

    /// The synchronous [`ReplayStore::check_and_insert`]: memory needs no waiting.
    pub(super) fn check_and_insert_now(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> ReplayCheck {
        match self.table.lock().check_and_insert(id, issued, now, self.limits) {
            ReplayState::New => ReplayCheck::New(ReplayReservation::new(id, self.table.clone())),
            ReplayState::Replayed => ReplayCheck::Replayed,
            ReplayState::TooOld => ReplayCheck::TooOld,
            ReplayState::Full => ReplayCheck::Full,
        }
    }
}

impl ReplayStore for MemoryStore {
    async fn check_and_insert(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> ReplayCheck {
        self.check_and_insert_now(id, issued, now)
    }
}
