//! Verified tokens that are refused all the same: the revocation list and back-channel logouts,
//! through the running proxy.

#![expect(clippy::needless_pass_by_value, reason = "helpers take what `json!` makes")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

#[path = "revocation/list.rs"]
mod list;
#[path = "revocation/logout.rs"]
mod logout;
#[path = "revocation/refusals.rs"]
mod refusals;
