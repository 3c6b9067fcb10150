//! D-4: what a hostile token costs.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::support::{
    NOW,
    issuer::{self, AUDIENCE},
    world::World,
};

/// Each token has two defects, a wrong signature and another one, and is refused for the other.
#[test]
fn d4_a_signature_is_computed_only_for_a_token_that_could_be_good() {
    let world = World::start();
    let forger = issuer::key(Algorithm::Es256, "ec");
    let forged = |header: Value, changes: Value| {
        let mut claims = world.issuer.claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        issuer::sign(&forger, header, claims.to_string().as_bytes())
    };
    let plain = json!({});
    for (header, claims, reason) in [
        (plain.clone(), plain.clone(), Reason::SignatureInvalid),
        (json!({ "alg": "ES384" }), plain.clone(), Reason::AlgorithmNotAllowed),
        (json!({ "typ": "logout+jwt" }), plain.clone(), Reason::TokenTypeNotAllowed),
        (json!({ "kid": "unknown" }), plain.clone(), Reason::KidUnknown),
        (json!({ "kid": "rsa" }), plain.clone(), Reason::KeyUnsuitable),
        (plain.clone(), json!({ "iss": "https://other.test" }), Reason::IssuerUnknown),
        (plain.clone(), json!({ "exp": NOW - 61 }), Reason::TokenExpired),
        (plain.clone(), json!({ "nbf": NOW + 61 }), Reason::TokenNotYetValid),
        (plain.clone(), json!({ "aud": format!("{AUDIENCE}/") }), Reason::AudienceMismatch),
        (plain, json!({ "cnf": { "jkt": "x" } }), Reason::BindingUnproven),
    ] {
        world.refuses(reason.code(), &forged(header, claims), reason);
    }
}
