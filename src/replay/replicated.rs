//! The store of all replicas.

use std::time::Duration;

use crate::{
    clock::UnixTime,
    shared::{LostStore, SharedKey, SharedKind, SharedStore},
};

use super::{MemoryStore, ReplayCheck, ReplayId, ReplayStore, table::ReplayState};

/// Inserts into memory, and into Redis where that is configured and reachable. Memory comes first:
/// what this replica has accepted is refused without a round trip.
#[derive(Debug, Clone)]
pub struct ReplicatedStore {
    memory: MemoryStore,
    shared: SharedStore,
}

/// By how much an entry in Redis outlasts the window. Its time is counted in milliseconds, while a
/// message is fresh to the end of a second; and the command about a copy takes another second at
/// most (`shared.timeout`).
const SHARED_MARGIN: Duration = Duration::from_secs(2);

impl ReplicatedStore {
    pub(super) fn new(memory: MemoryStore, shared: SharedStore) -> Self {
        Self { memory, shared }
    }

    /// What this replica knows of the id; remembers nothing.
    pub fn check_in_memory(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> ReplayState {
        self.memory.check(id, issued, now)
    }

    /// Whether other replicas may know more.
    pub fn is_shared(&self) -> bool {
        self.shared.dependency().is_some()
    }
}

impl ReplayStore for ReplicatedStore {
    async fn check_and_insert(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> ReplayCheck {
        let mut reservation = match self.memory.check_and_insert_now(id, issued, now) {
            ReplayCheck::New(reservation) => reservation,
            known => return known,
        };
        let key = SharedKey::new(SharedKind::Replay, id.digest());
        let kept_for = self.memory.limits().window.saturating_add(SHARED_MARGIN);
        match self.shared.set_if_absent(&key, kept_for).await {
            Some(true) => reservation.is_shared_in(&self.shared),
            // Another replica's entry stays, and so does ours.
            Some(false) => {
                reservation.commit();
                return ReplayCheck::Replayed;
            }
            // Dropped, the reservation is rolled back here.
            None if self.shared.on_lost_replays() == LostStore::Refuse => {
                return ReplayCheck::Unavailable;
            }
            // Redis is unavailable. Whether it holds the id, and from which replica, is unknown: a
            // rollback must not delete another replica's entry.
            None => {}
        }
        ReplayCheck::New(reservation)
    }
}
