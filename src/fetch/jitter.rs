//! Randomness that spreads load. Nothing secret depends on it.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

/// A number from 0 to 1, out of the hasher that the standard library seeds each time.
pub(crate) fn fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
