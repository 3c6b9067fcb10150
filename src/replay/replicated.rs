//! The store of all replicas.

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

impl ReplicatedStore {
    pub(super) fn new(memory: MemoryStore, shared: SharedStore) -> Self {
        Self { memory, shared }
    }

    /// What this replica knows of the id; remembers nothing.
    pub fn check_in_memory(&self, id: ReplayId, now: UnixTime) -> ReplayState {
        self.memory.check(id, now)
    }

    /// Whether other replicas may know more.
    pub fn is_shared(&self) -> bool {
        self.shared.dependency().is_some()
    }
}

impl ReplayStore for ReplicatedStore {
    async fn check_and_insert(&self, id: ReplayId, now: UnixTime) -> ReplayCheck {
        let mut reservation = match self.memory.check_and_insert_now(id, now) {
            ReplayCheck::New(reservation) => reservation,
            known => return known,
        };
        let key = SharedKey::new(SharedKind::Replay, id.digest());
        match self.shared.set_if_absent(&key, self.memory.limits().window).await {
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
