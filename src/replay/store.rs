//! The contract of the once-only rule.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use crate::clock::UnixTime;

use super::ReplayReservation;

/// Remembers which ids were used, so that nothing is accepted twice.
///
/// Every implementation keeps these promises:
///
/// - Of any number of calls with one id within the window, on any threads, at most one gets
///   [`ReplayCheck::New`], unless its [`ReplayReservation`] is rolled back.
/// - An id is remembered for the whole window, counted from the time at which it was inserted, to
///   the end of its last second. A clock that is set back shortens no window.
/// - After a change to limits under which messages are fresh for longer, one that was issued before
///   it and whose id may be forgotten already is [`ReplayCheck::TooOld`], for as long as it is
///   fresh.
/// - Memory is bounded, and no id is evicted before its window is over.
///
/// # Wrong answers, and the attack that each enables
///
/// A **false negative** answers `New` for an id that was used before. It enables the replay attack
/// itself: who has recorded a signed message can have it acted on a second time, a payment made
/// twice. It happens
///
/// - after the window. The caller has to refuse what is older than that on other grounds;
/// - after a change to a longer window, for a message whose time of issue is unknown: its id is kept
///   for the window under which it was inserted;
/// - after such a change in a fleet, for what a replica with the earlier limits accepts while this
///   one has the later ones, and after a restart with the later ones;
/// - after a restart, for all that only this process remembered: all of [`MemoryStore`], and what
///   [`ReplicatedStore`] could not share;
/// - with more than one replica, where they share nothing: each replica accepts an id once. The
///   same holds while Redis can't be reached, and afterwards for the ids used meanwhile, unless
///   `shared.replay.on_failure` is `refuse`;
/// - when Redis has lost its data (restarted without persistence, a failover, eviction under
///   `maxmemory`): each replica still refuses what it has accepted itself, and no more;
/// - when an attacker who can write to Redis deletes the entry.
///
/// A **false positive** answers `Replayed` for an id that was not used. Nothing is accepted
/// wrongly, but an honest sender is refused until the window is over, so it enables denial of
/// service. An id must therefore be inserted only after its sender is authenticated, and must
/// include the sender's name: no sender can then use up another's ids. It happens
///
/// - between `New` and a rollback, to a second copy that arrives in that time;
/// - when a rollback does not reach Redis, or the client disconnects while the Redis command is
///   pending;
/// - when an attacker who can write to Redis inserts the entry.
///
/// # A full store
///
/// [`ReplayCheck::Full`] means unknown, and the caller must refuse. Evicting instead would turn a
/// full store into a false negative: an authenticated sender could flush the store with fresh ids,
/// then replay. The price is that such a sender can have the others refused until enough windows
/// are over; ids of one rule never count against another rule's store.
///
/// [`MemoryStore`]: super::MemoryStore
/// [`ReplicatedStore`]: super::ReplicatedStore
pub trait ReplayStore {
    /// Checks that the id was not used within the window, and remembers it, as one step. `issued`
    /// is the verified time of the message, if it has one.
    ///
    /// Dropping the future early uses no id up, unless the command has reached Redis.
    fn check_and_insert(
        &self,
        id: ReplayId,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> impl Future<Output = ReplayCheck> + Send;
}

/// The result of a check.
#[derive(Debug)]
#[must_use = "dropping a new reservation rolls it back"]
pub enum ReplayCheck {
    /// It was not used before, as far as this store can know.
    New(ReplayReservation),
    /// It was used before.
    Replayed,
    /// It was issued under limits that kept ids for less time, and ids of its age are forgotten.
    TooOld,
    /// There is no room to remember it: it could be used again unnoticed.
    Full,
    /// Whether another replica has seen it is unknown, and the operator wants to know.
    Unavailable,
}

/// What an id takes in memory.
pub(crate) const ID_BYTES: usize = 128;

/// For how long a store remembers ids, and how many.
#[derive(Debug, Clone, Copy)]
pub struct ReplayLimits {
    /// At least as long as one message is acceptable.
    pub window: Duration,
    /// How long before its time of issue a message is acceptable; zero where that is not checked.
    pub clock_skew: Duration,
    /// The most ids remembered at a time, some 100 bytes each.
    pub max_entries: usize,
}

/// The name of what may be used once: a digest, the same in every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayId([u8; 32]);

impl ReplayId {
    /// `parts` are everything that makes it what it is: the kind, the rule, the sender, its own id.
    /// Each is prefixed with its length, so that no two lists have the same digest.
    pub fn new(parts: &[&str]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }

    pub(super) fn digest(self) -> [u8; 32] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_ids_differ_wherever_a_part_ends_elsewhere() {
        let id = ReplayId::new(&["signature", "partner", "alice", "1"]);
        for other in [
            &["signature", "partner", "alice1", ""][..],
            &["signature", "partner", "alic", "e1"],
            &["signature", "partneralice", "1"],
            &["signature", "partner", "alice", "1", ""],
            &["dpop", "partner", "alice", "1"],
        ] {
            assert_ne!(ReplayId::new(other), id, "{other:?}");
        }
    }

    #[test]
    fn s8_replicas_of_all_versions_call_a_message_the_same() {
        let id = ReplayId::new(&["signature", "partner", "alice", "1"]);
        let digest = id.digest().iter().fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
        // The last half of SHA-256 over the parts and their lengths (computed with Python).
        assert_eq!(digest, 0xb779_f04f_50e4_318b_c8c3_c4eb_553f_f759);
    }
}
