//! The main job with a real, independent identity provider: oidc-provider on Node, see
//! `tests/idp/provider.js`. Countersign knows nothing but its issuer URL; keys come by discovery.
//!
//! Where Node is absent these tests say that they are skipped; under `CI=true` they fail.

pub(crate) mod install;
mod introspection;
mod keys;
mod provider;
mod scene;
mod tokens;

use countersign::jose::base64url;
use provider::RESOURCES;
use serde_json::Value;

/// The resources by the algorithm of their tokens.
const SIGNED: [(&str, &str); 4] =
    [("rs256", "RS256"), ("ps256", "PS256"), ("es256", "ES256"), ("ed25519", "Ed25519")];

fn resource(name: &str) -> String {
    format!("{RESOURCES}{name}")
}

/// A part of a token, decoded: 0 for the header, 1 for the claims.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&base64url::decode(part.as_bytes()).unwrap()).unwrap()
}

/// The token with one of its parts taken from another one.
fn with_part_of(token: &str, other: &str, index: usize) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[index] = other.split('.').nth(index).unwrap();
    parts.join(".")
}
