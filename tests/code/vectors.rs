//! Public test vectors through the public functions of `jose`.
//!
//! The collections are not part of the project. They are looked for in `../shared/vectors` and
//! where `COUNTERSIGN_VECTORS` points; where neither is, these tests say so and pass. The two
//! published tokens of real providers are always here.

mod cookbook;
mod json_test_suite;
mod published_tokens;
mod wycheproof;

use std::{fs, path::Path};

use countersign::jose::{
    Algorithm, AlgorithmSet, CompactJws, JwkSet, KeyLimits, VerificationKey, base64url,
    verify_compact,
};
use serde_json::Value;

use crate::collections::collection;

fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a verifier does that is given a key document and a token: asymmetric keys come out of the
/// set, a shared secret only where the document holds nothing else, as if it were configured.
fn verify(keys: &Value, token: &str) -> Option<Vec<u8>> {
    let entries = match keys.get("keys") {
        Some(Value::Array(entries)) => entries.clone(),
        _ => vec![keys.clone()],
    };
    if entries.iter().all(|jwk| jwk["kty"] == "oct") {
        return verify_with_secret(&entries, token);
    }
    let set = JwkSet::parse(keys.to_string().as_bytes(), &KeyLimits::default()).ok()?;
    let jws = CompactJws::parse(token.as_bytes());
    let named = jws.as_ref().ok().and_then(|jws| jws.header().kid());
    let mut found =
        set.keys.iter().filter(|key| named.is_none() || key.kid().is_none() || key.kid() == named);
    match (found.next(), found.next()) {
        (Some(key), None) => verify_compact(token.as_bytes(), key).ok(),
        _ => None,
    }
}

fn verify_with_secret(entries: &[Value], token: &str) -> Option<Vec<u8>> {
    let jws = CompactJws::parse(token.as_bytes());
    let named = jws.as_ref().ok().and_then(|jws| jws.header().kid());
    let mut found = entries
        .iter()
        .filter(|jwk| named.is_none() || jwk["kid"].is_null() || jwk["kid"].as_str() == named);
    let (Some(jwk), None) = (found.next(), found.next()) else {
        return None;
    };
    let alg = Algorithm::from_name(jwk["alg"].as_str()?)?;
    let secret = base64url::decode(jwk["k"].as_str()?.as_bytes()).ok()?;
    let key = VerificationKey::from_secret(&secret, AlgorithmSet::from_iter([alg])).ok()?;
    verify_compact(token.as_bytes(), &key).ok()
}
