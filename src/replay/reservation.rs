//! An id between its check and what comes of its message.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::runtime::Handle;

use crate::shared::{SharedKey, SharedKind, SharedStore};

use super::{ReplayId, table::SharedTable};

/// An id that was new and is now taken. Commit it before the message is acted on. Dropped before
/// that (the client disconnected while the message was still buffered), it is rolled back.
#[derive(Debug)]
#[must_use = "dropped, it is rolled back"]
pub struct ReplayReservation {
    id: ReplayId,
    table: SharedTable,
    /// Where the entry for all replicas is this one's.
    shared: Option<SharedStore>,
    is_settled: AtomicBool,
}

impl ReplayReservation {
    pub(super) fn new(id: ReplayId, table: SharedTable) -> Self {
        Self { id, table, shared: None, is_settled: AtomicBool::new(false) }
    }

    /// The entry in that store is this one's.
    pub(super) fn is_shared_in(&mut self, shared: &SharedStore) {
        self.shared = Some(shared.clone());
    }

    /// The message is about to be acted on: its id is used up.
    pub fn commit(&self) {
        self.is_settled.store(true, Relaxed);
    }

    /// The message was not acted on: the id may be used again. Allowed after a commit too, where
    /// that turns out late.
    pub async fn rollback(&self) {
        self.is_settled.store(true, Relaxed);
        remove(self.id, &self.table, self.shared.as_ref()).await;
    }
}

/// From Redis first. A copy that arrives meanwhile is still refused here; in the other order it
/// could insert an id that is then deleted from Redis.
async fn remove(id: ReplayId, table: &SharedTable, shared: Option<&SharedStore>) {
    let _here = RemovedOnDrop { id, table };
    if let Some(shared) = shared {
        shared.forget(&SharedKey::new(SharedKind::Replay, id.digest())).await;
    }
}

/// Removes an id from memory when dropped, also when the wait for Redis is abandoned. The deletion
/// is sent to Redis once only: a second one could hit an entry that another replica made meanwhile.
struct RemovedOnDrop<'t> {
    id: ReplayId,
    table: &'t SharedTable,
}

impl Drop for RemovedOnDrop<'_> {
    fn drop(&mut self) {
        self.table.lock().remove(self.id);
    }
}

impl Drop for ReplayReservation {
    fn drop(&mut self) {
        if *self.is_settled.get_mut() {
            return;
        }
        let (id, table) = (self.id, self.table.clone());
        match (self.shared.take(), Handle::try_current()) {
            (Some(shared), Ok(runtime)) => {
                runtime.spawn(async move { remove(id, &table, Some(&shared)).await });
            }
            // Without a runtime the process is ending, and the entry in Redis expires.
            _ => table.lock().remove(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use crate::{
        clock::UnixTime,
        replay::{ReplayLimits, table::ReplayState},
    };

    const ID: [&str; 1] = ["1"];

    fn insert(table: &SharedTable) -> ReplayState {
        let window = Duration::from_mins(1);
        let limits = ReplayLimits { window, clock_skew: Duration::ZERO, max_entries: 10 };
        table.lock().check_and_insert(ReplayId::new(&ID), None, UnixTime(0), limits)
    }

    fn reserved(table: &SharedTable) -> ReplayReservation {
        assert_eq!(insert(table), ReplayState::New);
        ReplayReservation::new(ReplayId::new(&ID), table.clone())
    }

    #[tokio::test]
    async fn s8_only_a_message_that_something_came_of_may_not_come_again() {
        let table = SharedTable::default();
        drop(reserved(&table)); // its client went away before
        reserved(&table).rollback().await; // it was not sent
        let late = reserved(&table);
        late.commit();
        late.rollback().await; // it turned out not to have reached the service
        reserved(&table).commit();
        assert_eq!(insert(&table), ReplayState::Replayed);
    }

    #[tokio::test]
    async fn s8_a_client_that_goes_away_during_a_rollback_leaves_no_entry() {
        let table = SharedTable::default();
        reserved(&table).commit();
        let waiting = async {
            let _here = RemovedOnDrop { id: ReplayId::new(&ID), table: &table };
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = waiting => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(insert(&table), ReplayState::New);
    }

    #[tokio::test]
    async fn s8_a_reservation_that_was_rolled_back_rolls_back_no_later_one() {
        let table = SharedTable::default();
        let first = reserved(&table);
        first.rollback().await;
        let second = reserved(&table);
        drop(first);
        assert_eq!(insert(&table), ReplayState::Replayed, "the second one stands");
        drop(second);
        assert_eq!(insert(&table), ReplayState::New);
    }
}
