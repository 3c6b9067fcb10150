//! The bounded table of used ids.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};

use crate::clock::{UnixTime, seconds};

use super::{ReplayId, ReplayLimits, retention::Retention};

/// A table that all workers use.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedTable(Arc<Mutex<IdTable>>);

impl SharedTable {
    pub(super) fn lock(&self) -> MutexGuard<'_, IdTable> {
        self.0.lock()
    }
}

/// Ids, each through the last second of its window. Time never runs backwards in here: a clock that is set back
/// must not make an id acceptable again that has expired already.
#[derive(Debug, Default)]
pub(super) struct IdTable {
    until: HashMap<ReplayId, UnixTime>,
    order: BTreeSet<(UnixTime, ReplayId)>,
    latest: Option<UnixTime>,
    retention: Retention,
}

/// What a table knows of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// It was not used before.
    New,
    /// It was used before.
    Replayed,
    /// It may have been used before, and forgotten.
    TooOld,
    /// There is no room to remember it.
    Full,
}

impl IdTable {
    /// The table is about to be used with these limits.
    pub(super) fn open(&mut self, limits: ReplayLimits) {
        self.retention.begin(limits);
    }

    /// The limits count for what is inserted from now on; what is there already is not evicted for
    /// them, and stays for its own window.
    pub(super) fn check_and_insert(
        &mut self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
        limits: ReplayLimits,
    ) -> ReplayState {
        let state = self.check(id, issued, now, limits);
        if state == ReplayState::New {
            let latest = self.latest.unwrap_or(now);
            let until = UnixTime(latest.0.saturating_add(seconds(limits.window)));
            self.until.insert(id, until);
            self.order.insert((until, id));
        }
        state
    }

    /// What an insertion would find.
    pub(super) fn check(
        &mut self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
        limits: ReplayLimits,
    ) -> ReplayState {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        self.expire(latest);
        self.retention.observe(limits, latest);
        if self.until.contains_key(&id) {
            ReplayState::Replayed
        } else if issued.is_some_and(|issued| self.retention.may_have_forgotten(issued, now)) {
            ReplayState::TooOld
        } else if self.until.len() >= limits.max_entries {
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
            && *until < now
        {
            self.until.remove(id);
            self.order.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(number: u8) -> ReplayId {
        ReplayId::new(&[&number.to_string()])
    }

    fn limits(window: u64, max_entries: usize) -> ReplayLimits {
        let window = Duration::from_secs(window);
        ReplayLimits { window, clock_skew: Duration::ZERO, max_entries }
    }

    /// Inserts that id at `now`, for `window` seconds.
    fn insert(table: &mut IdTable, number: u8, now: i64, window: u64) -> ReplayState {
        table.check_and_insert(id(number), None, UnixTime(now), limits(window, 10))
    }

    #[test]
    fn s8_an_id_is_known_through_the_last_second_of_its_window() {
        let mut table = IdTable::default();
        let mut insert = |number, now| insert(&mut table, number, now, 10);
        assert_eq!(insert(1, 0), ReplayState::New);
        assert_eq!(insert(1, 10), ReplayState::Replayed);
        assert_eq!(insert(2, 10), ReplayState::New);
        assert_eq!(insert(1, 11), ReplayState::New);
        assert_eq!(insert(2, 20), ReplayState::Replayed);
    }

    #[test]
    fn s8_a_full_table_evicts_nothing_and_says_so() {
        let mut table = IdTable::default();
        let mut insert =
            |number, now| table.check_and_insert(id(number), None, UnixTime(now), limits(10, 2));
        assert_eq!(
            (insert(1, 0), insert(2, 1), insert(3, 2)),
            (ReplayState::New, ReplayState::New, ReplayState::Full)
        );
        assert_eq!(insert(1, 3), ReplayState::Replayed);
        assert_eq!(insert(3, 11), ReplayState::New);
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
        assert_eq!(insert(&mut table, 2, 11, 10), ReplayState::Replayed);
        assert_eq!(insert(&mut table, 2, 12, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 1, 1000, 10), ReplayState::Replayed);
    }

    #[test]
    fn d11_a_clock_that_was_set_back_expires_nothing_early() {
        let mut table = IdTable::default();
        assert_eq!(insert(&mut table, 1, 100, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 50, 10), ReplayState::New);
        assert_eq!(insert(&mut table, 2, 70, 10), ReplayState::Replayed);
        assert_eq!(insert(&mut table, 2, 111, 10), ReplayState::New);
    }
}
