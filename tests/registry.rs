//! Signers that are looked up in a registry, through the running proxy: each way of writing a key,
//! every fault of the registry, and rotation in the middle of the traffic.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "callers write `json!({…})` in place")]

mod support;

#[path = "registry/check.rs"]
mod check;
#[path = "registry/faults.rs"]
mod faults;
#[path = "registry/formats.rs"]
mod formats;
#[path = "registry/lists.rs"]
mod lists;
#[path = "registry/participants.rs"]
mod participants;
#[path = "registry/scene.rs"]
mod scene;
#[path = "registry/snapshots.rs"]
mod snapshots;
