//! Fleets of replicas in virtual time. Each room that loads a server simulates its own part, and
//! `docs/operations.md` has a table of what comes out:
//!
//! ```sh
//! cargo test --lib fleet                            # up to 1,000 replicas
//! COUNTERSIGN_FLEET=full cargo test --lib fleet     # 10,000 as well; minutes
//! UPDATE_DOCS=1 cargo test --lib fleet              # the same, and writes the tables
//! ```

mod per_second;
mod sizing_table;

use std::{env, time::Duration};

use tokio::time::Instant;

use crate::clock::{Clock, UnixTime, seconds};

pub(crate) use per_second::PerSecond;
pub(crate) use sizing_table::{Figure, SizingTable};

/// The replicas of the fleets that every run simulates.
const SIZES: [u32; 3] = [10, 100, 1_000];

/// Takes longer than a build should.
const LARGEST: u32 = 10_000;

/// How long a server takes for an answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// The fleets of a table.
pub(crate) fn sizes() -> impl Iterator<Item = u32> {
    let is_full = env::var("COUNTERSIGN_FLEET").is_ok_and(|scale| scale == "full");
    SIZES.into_iter().chain((is_full || is_updating()).then_some(LARGEST))
}

fn is_updating() -> bool {
    env::var_os("UPDATE_DOCS").is_some()
}

/// The most that any second of an hour has of events that happen independently, `mean` of them in
/// a second: six standard deviations, and a few for small means.
pub(crate) fn highest_of_independent(mean: f64) -> f64 {
    mean + 6.0 * mean.sqrt() + 4.0
}

/// A wall clock that goes with tokio's, so that a test with paused time owns both.
#[derive(Debug)]
pub(crate) struct VirtualClock {
    at: UnixTime,
    began: Instant,
}

impl VirtualClock {
    pub(crate) fn starting_at(at: UnixTime) -> Self {
        Self { at, began: Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.at.0 + seconds(self.began.elapsed()))
    }
}
