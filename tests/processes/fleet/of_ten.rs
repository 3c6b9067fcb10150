//! Ten replicas with short intervals, and how many fetches their provider sees. The simulation
//! (`src/keys/tests/fleet.rs`) and the real processes are held against the same figures.

use std::{ops::RangeInclusive, time::Duration};

pub(crate) const REPLICAS: u32 = 10;

pub(crate) const REFRESH: Duration = Duration::from_secs(2);
pub(crate) const COOLDOWN: Duration = Duration::from_secs(1);

/// From the start of all to the first part, so that each part begins between two refreshes.
pub(crate) const LEAD: Duration = Duration::from_secs(1);

/// Of each part: without a new key, and from a rotation on.
pub(crate) const PART: Duration = Duration::from_secs(8);

/// Four of each replica, and one more or less of some at the ends. A process on a busy machine is
/// late, and never early.
pub(crate) const STEADY: RangeInclusive<u32> = 34..=44;

/// A new key is fetched within the cooldown, and the next refreshes count from there: at most one
/// more of each replica.
pub(crate) const ROTATED: RangeInclusive<u32> = 34..=50;

/// Tokens of the new key, a second and replica.
pub(crate) const TOKENS_PER_SECOND: u32 = 5;
