//! INV-1 to INV-7 of the threat catalogue, each tried on purpose. The harness checks INV-1, INV-2
//! and INV-4 besides, after every test of every suite; here it is also tried that it would notice.

mod answers;
mod decisions;
mod identity;
mod leftovers;
mod logs;
mod secrets;

use serde_json::json;

use crate::support::issuer::Issuer;

/// A token that is good by the machine's clock.
fn timeless(issuer: &Issuer, sub: &str) -> String {
    issuer.mint(json!({ "sub": sub, "iat": 0, "exp": 9_000_000_000_u64 }))
}
