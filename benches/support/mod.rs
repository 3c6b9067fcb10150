//! What the benchmarks share.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "each benchmark uses a part of it, and one that can't be set up can only end"
)]

pub(crate) mod fixture;
pub(crate) mod floor;
pub(crate) mod ruler;
