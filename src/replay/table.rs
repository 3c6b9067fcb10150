//! The bounded table of used ids.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

use crate::clock::UnixTime;

use super::ReplayId;

/// A table that all workers use.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedTable(Arc<Mutex<IdTable>>);

impl SharedTable {
    pub(super) fn lock(&self) -> MutexGuard<'_, IdTable> {
        self.0.lock()
    }
}

/// Ids, each until its window is over. Time never runs backwards in here: a clock that is set back
/// must not make an id acceptable again that has expired already.
#[derive(Debug, Default)]
pub(super) struct IdTable {
    until: HashMap<ReplayId, UnixTime>,
    order: BTreeSet<(UnixTime, ReplayId)>,
    latest: Option<UnixTime>,
}

/// What a table knows of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// It was not used before.
    New,
    /// It was used before.
    Replayed,
    /// There is no room to remember it.
    Full,
}

impl IdTable {
    /// `max_entries` bounds what is inserted from now on; what is there already is not evicted for
    /// it.
    pub(super) fn check_and_insert(
        &mut self,
        id: ReplayId,
        now: UnixTime,
        until: UnixTime,
        max_entries: usize,
    ) -> ReplayState {
        let state = self.check(id, now, max_entries);
        if state == ReplayState::New {
            let lag = self.latest.map_or(0, |latest| latest.0.saturating_sub(now.0));
            let until = UnixTime(until.0.saturating_add(lag));
            self.until.insert(id, until);
            self.order.insert((until, id));
        }
        state
    }

    /// What an insertion would find.
    pub(super) fn check(&mut self, id: ReplayId, now: UnixTime, max_entries: usize) -> ReplayState {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        self.expire(latest);
        if self.until.contains_key(&id) {
            ReplayState::Replayed
        } else if self.until.len() >= max_entries {
            ReplayState::Full
        } else {
            ReplayState::New
        }
    }

    /// The id counts as never used.
    pub(super) fn remove(&mut self, id: ReplayId) {
        if let Some(until) = self.until.remove(&id) {
            self.order.remove(&(until, id));
        }
    }

    fn expire(&mut self, now: UnixTime) {
        while let Some((until, id)) = self.order.first()
            && *until <= now
        {
            self.until.remove(id);
            self.order.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ReplayId {
        ReplayId::new(&[&number.to_string()])
    }

    /// Inserts that id at `now`, for `window` seconds.
    fn insert(table: &mut IdTable, number: u8, now: i64, window: i64) -> ReplayState {
        table.check_and_insert(id(number), UnixTime(now), UnixTime(now + window), 10)
    }

    #[test]
    fn s8_an_id_is_known_until_its_window_is_over() {
        let mut table = IdTable::default();
        let mut insert = |number, now| insert(&mut table, number, now, 10);
        assert_eq!(insert(1, 0), ReplayState::New);
        assert_eq!(insert(1, 9), ReplayState::Replayed);
        assert_eq!(insert(2, 9), ReplayState::New);
        assert_eq!(insert(1, 10), ReplayState::New);
        assert_eq!(insert(2, 18), ReplayState::Replayed);
    }

    #[test]
    fn s8_a_full_table_evicts_nothing_and_says_so() {
        let mut table = IdTable::default();
        let mut insert =
            |number, now| table.check_and_insert(id(number), UnixTime(now), UnixTime(now + 10), 2);
        assert_eq!(
            (insert(1, 0), insert(2, 1), insert(3, 2)),
            (ReplayState::New, ReplayState::New, ReplayState::Full)
        );
        assert_eq!(insert(1, 3), ReplayState::Replayed);
        assert_eq!(insert(3, 10), ReplayState::New);
    }

    #[test]
    fn an_id_that_was_removed_is_new_once_more() {
        let mut table = IdTable::default();
        assert_eq!(insert(&mut table, 1, 0, 10), ReplayState::New);
        table.remove(id(1));
        table.remove(id(2));
        assert_eq!(insert(&mut table, 1, 5, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 1, 10, 10), ReplayState::Replayed);
        for _ in 0..5 {
            assert_eq!(insert(&mut table, 2, 10, 10), ReplayState::New);
            table.remove(id(2));
        }
        assert_eq!((table.until.len(), table.order.len()), (1, 1));
    }

    #[test]
    fn a_shorter_window_is_not_as_long_as_the_one_before() {
        let mut table = IdTable::default();
        assert_eq!(insert(&mut table, 1, 0, 1000), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 1, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 10, 10), ReplayState::Replayed);
        assert_eq!(insert(&mut table, 2, 11, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 1, 999, 10), ReplayState::Replayed);
    }

    #[test]
    fn d11_a_clock_that_was_set_back_expires_nothing_early() {
        let mut table = IdTable::default();
        assert_eq!(insert(&mut table, 1, 100, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 50, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 70, 10), ReplayState::Replayed);
        assert_eq!(insert(&mut table, 2, 110, 10), ReplayState::New);
    }
}
