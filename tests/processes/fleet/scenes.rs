//! What ten replicas that introspect are sent. The simulation (`src/introspection/tests/fleet.rs`)
//! and ten real processes take the same steps, and have to count the same.

use std::{iter, time::Duration};

pub(crate) const REPLICAS: usize = 10;

/// As in the sizing of a fleet, where each replica receives one request a second: a token comes
/// every ten seconds.
pub(crate) const TOKENS_PER_REPLICA: usize = 10;

/// For the answers of these replicas. All steps between two expiries have to fit into it.
pub(crate) const CACHE_TTL: Duration = Duration::from_secs(10);

/// Requests that each replica receives in the same instant, where all of them do.
pub(crate) const AT_ONCE: usize = 3;

/// What is counted together: a row of the table in `docs/operations.md`.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// Whether all answers of the scenes before expire first.
    pub(crate) is_after_expiry: bool,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// A request, and its answer.
    Send(Arrival),
    /// Requests with this token at every replica, before any of them is answered.
    SendToAllAtOnce(usize),
}

/// A token that comes to a replica.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) replica: usize,
    pub(crate) token: usize,
}

/// What the servers of the replicas have counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) introspections: u32,
    pub(crate) reads: u32,
    pub(crate) writes: u32,
}

impl Counts {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            introspections: self.introspections - before.introspections,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
        }
    }
}

/// The load of the sizing: each request has any of these tokens, and comes to any replica.
pub(crate) fn usual_load(replicas: usize, tokens: usize) -> impl Iterator<Item = Arrival> {
    let mut chance = Chance(1);
    iter::repeat_with(move || Arrival {
        replica: chance.below(replicas),
        token: chance.below(tokens),
    })
}

/// In the order in which they are played.
pub(crate) fn scenes() -> Vec<Scene> {
    const REQUESTS: usize = 250;
    const TOKENS: usize = REPLICAS * TOKENS_PER_REPLICA;
    const NEW: usize = TOKENS;
    const ANOTHER: usize = TOKENS + 1;
    let usual = || usual_load(REPLICAS, TOKENS).take(REQUESTS).map(Step::Send).collect();
    let one_by_one = (0..REPLICAS).map(|replica| Step::Send(Arrival { replica, token: ANOTHER }));
    let at_once = || vec![Step::SendToAllAtOnce(NEW)];
    let scene = |name, steps| Scene { name, is_after_expiry: false, steps };
    let expired = Scene {
        is_after_expiry: true,
        ..scene("The 250 requests when all answers have expired", usual())
    };
    vec![
        scene("250 requests of the load above", usual()),
        scene("A new token at all ten in the same instant", at_once()),
        scene("A new token at one after the other", one_by_one.collect()),
        expired,
        scene("An expired token at all ten in the same instant", at_once()),
    ]
}

/// Pseudo-random numbers (xorshift): the same requests in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }
}
