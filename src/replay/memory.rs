//! A bounded memory of what was seen lately.

use std::collections::{BTreeSet, HashMap};

use crate::clock::UnixTime;

/// Digests of messages, each until its time is over. Time never runs backwards in here: a clock
/// that is set back must not make a message acceptable again that is forgotten already.
#[derive(Debug, Default)]
pub(super) struct Memory {
    seen: HashMap<[u8; 32], UnixTime>,
    order: BTreeSet<(UnixTime, [u8; 32])>,
    latest: Option<UnixTime>,
}

/// What the memory says to something that may be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It was not here before.
    First,
    /// It was here before.
    Again,
    /// There is no room to remember it: it could come again unnoticed.
    Full,
}

impl Memory {
    /// `most` is how many are remembered at a time; what is remembered already is not forgotten for
    /// it.
    pub(super) fn see(
        &mut self,
        digest: [u8; 32],
        now: UnixTime,
        until: UnixTime,
        most: usize,
    ) -> Sighting {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        self.forget(latest);
        if self.seen.contains_key(&digest) {
            return Sighting::Again;
        }
        if self.seen.len() >= most {
            return Sighting::Full;
        }
        let behind = latest.0.saturating_sub(now.0);
        let until = UnixTime(until.0.saturating_add(behind));
        self.seen.insert(digest, until);
        self.order.insert((until, digest));
        Sighting::First
    }

    /// It counts as never seen.
    pub(super) fn take_back(&mut self, digest: &[u8; 32]) {
        if let Some(until) = self.seen.remove(digest) {
            self.order.remove(&(until, *digest));
        }
    }

    fn forget(&mut self, now: UnixTime) {
        while let Some((until, digest)) = self.order.first()
            && *until <= now
        {
            self.seen.remove(digest);
            self.order.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_a_message_is_known_until_its_time_is_over() {
        let mut memory = Memory::default();
        let mut see = |id: u8, now| memory.see([id; 32], UnixTime(now), UnixTime(now + 10), 10);
        assert_eq!(see(1, 0), Sighting::First);
        assert_eq!(see(1, 9), Sighting::Again);
        assert_eq!(see(2, 9), Sighting::First);
        assert_eq!(see(1, 10), Sighting::First);
        assert_eq!(see(2, 18), Sighting::Again);
    }

    #[test]
    fn s8_a_full_memory_forgets_nothing_and_says_so() {
        let mut memory = Memory::default();
        let mut see = |id: u8, now| memory.see([id; 32], UnixTime(now), UnixTime(now + 10), 2);
        assert_eq!(
            (see(1, 0), see(2, 1), see(3, 2)),
            (Sighting::First, Sighting::First, Sighting::Full)
        );
        assert_eq!(see(1, 3), Sighting::Again);
        assert_eq!(see(3, 10), Sighting::First);
    }

    #[test]
    fn what_is_taken_back_may_come_again_once() {
        let mut memory = Memory::default();
        assert_eq!(memory.see([1; 32], UnixTime(0), UnixTime(10), 2), Sighting::First);
        memory.take_back(&[1; 32]);
        memory.take_back(&[2; 32]);
        assert_eq!(memory.see([1; 32], UnixTime(5), UnixTime(15), 2), Sighting::First);
        assert_eq!(memory.see([1; 32], UnixTime(10), UnixTime(20), 2), Sighting::Again);
        for _ in 0..5 {
            assert_eq!(memory.see([2; 32], UnixTime(10), UnixTime(20), 2), Sighting::First);
            memory.take_back(&[2; 32]);
        }
        assert_eq!((memory.seen.len(), memory.order.len()), (1, 1));
    }

    #[test]
    fn a_shorter_window_is_not_as_long_as_the_one_before() {
        let mut memory = Memory::default();
        assert_eq!(memory.see([1; 32], UnixTime(0), UnixTime(1000), 10), Sighting::First);
        assert_eq!(memory.see([2; 32], UnixTime(1), UnixTime(11), 10), Sighting::First);
        assert_eq!(memory.see([2; 32], UnixTime(10), UnixTime(20), 10), Sighting::Again);
        assert_eq!(memory.see([2; 32], UnixTime(11), UnixTime(21), 10), Sighting::First);
        assert_eq!(memory.see([1; 32], UnixTime(999), UnixTime(1009), 10), Sighting::Again);
    }

    #[test]
    fn d11_a_clock_that_was_set_back_forgets_nothing_early() {
        let mut memory = Memory::default();
        assert_eq!(memory.see([1; 32], UnixTime(100), UnixTime(110), 10), Sighting::First);
        assert_eq!(memory.see([2; 32], UnixTime(50), UnixTime(60), 10), Sighting::First);
        assert_eq!(memory.see([2; 32], UnixTime(70), UnixTime(80), 10), Sighting::Again);
        assert_eq!(memory.see([2; 32], UnixTime(110), UnixTime(120), 10), Sighting::First);
    }
}
