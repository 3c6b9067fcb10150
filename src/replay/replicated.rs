//! The store of all replicas.

use crate::{
    clock::UnixTime,
    shared::{SharedKey, SharedKind, SharedStore},
};

use super::{MemoryStore, ReplayCheck, ReplayId, ReplayStore};

/// Remembers in memory, and in Redis as far as that is configured and can be asked. Memory comes
/// first: what this replica has accepted it refuses without asking.
#[derive(Debug, Clone)]
pub struct ReplicatedStore {
    memory: MemoryStore,
    shared: SharedStore,
}

impl ReplicatedStore {
    pub(super) fn new(memory: MemoryStore, shared: SharedStore) -> Self {
        Self { memory, shared }
    }
}

impl ReplayStore for ReplicatedStore {
    async fn check_and_insert(&self, id: ReplayId, now: UnixTime) -> ReplayCheck {
        let mut reservation = match self.memory.check_and_insert_now(id, now) {
            ReplayCheck::New(reservation) => reservation,
            known => return known,
        };
        let key = SharedKey::new(SharedKind::Replay, id.digest());
        match self.shared.first(&key, self.memory.limits().window).await {
            Some(true) => reservation.is_shared_in(&self.shared),
            // Another replica's entry stays, and so does ours.
            Some(false) => {
                reservation.commit();
                return ReplayCheck::Replayed;
            }
            // Redis can't be asked. Whether it holds the id is unknown, and by whom: a rollback
            // must not delete what may be another replica's.
            None => {}
        }
        ReplayCheck::New(reservation)
    }
}
