//! An exact integer.

use std::fmt;

/// An integer without loss. Packed, so that it is aligned as every other value: a [`super::Json`]
/// takes 24 bytes instead of 32, and a token has a dozen of them in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(8))]
pub struct JsonInteger(i128);

impl JsonInteger {
    /// Its value.
    pub fn get(self) -> i128 {
        self.0
    }
}

impl<I: Into<i128>> From<I> for JsonInteger {
    fn from(value: I) -> Self {
        Self(value.into())
    }
}

impl fmt::Display for JsonInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
