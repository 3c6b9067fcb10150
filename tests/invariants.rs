//! INV-1 to INV-7 of the threat catalogue, each tried on purpose. The harness checks INV-1, INV-2
//! and INV-4 besides, after every test of every suite; here it is also tried that it would notice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/h2.rs"]
mod h2;
mod support;

#[path = "invariants/answers.rs"]
mod answers;
#[path = "invariants/decisions.rs"]
mod decisions;
#[path = "invariants/identity.rs"]
mod identity;
#[path = "invariants/leftovers.rs"]
mod leftovers;
#[path = "invariants/logs.rs"]
mod logs;
#[path = "invariants/secrets.rs"]
mod secrets;

use serde_json::json;
use support::issuer::Issuer;

/// A token that is good by the machine's clock.
fn timeless(issuer: &Issuer, sub: &str) -> String {
    issuer.mint(json!({ "sub": sub, "iat": 0, "exp": 9_000_000_000_u64 }))
}
