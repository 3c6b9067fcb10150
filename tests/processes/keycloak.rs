//! A real Keycloak in front of a service that Countersign protects by `config/keycloak.toml`:
//! access tokens of every kind are admitted, everything else that the realm signs is refused.
//!
//! Keycloak is started once, by the first test that needs it, and ends with the process. Where Java
//! or Maven is absent these tests say that they are skipped; under `CI=true` they fail.

mod access;
mod administration;
mod changes;
mod install;
mod introspection;
mod login;
mod logout;
mod other_kinds;
mod outage;
mod relay;
pub(crate) mod requests;
mod scene;
pub(crate) mod server;

use countersign::jose::base64url;
use serde_json::Value;

/// The clients of the realm that are named by the algorithm of all that is signed for them.
const SIGNED: [(&str, &str); 4] =
    [("rs256", "RS256"), ("ps256", "PS256"), ("es256", "ES256"), ("eddsa", "EdDSA")];

/// The header of a token.
fn header(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&base64url::decode(header.as_bytes()).unwrap()).unwrap()
}
