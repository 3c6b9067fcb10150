//! Key documents: a JWK set, a single JWK, PEM, a bare key in hex.

use std::{slice, sync::Arc};

use countersign::jose::{HexKey, JwkSet, KeyLimits, VerificationKey};
use serde_json::Value;

const LIMITS: KeyLimits = KeyLimits { max_keys: 8, max_rsa_bits: 4096 };

/// The members of a private key, or of a shared secret.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// Every usable key survives being published and read again, no private member comes through, and
/// of two keys that share a name and an algorithm there is only one.
pub fn check(input: &[u8]) -> bool {
    let mut keys = Vec::new();
    if let Ok(set) = JwkSet::parse(input, &LIMITS) {
        let theirs = serde_json::from_slice(input).expect("a key set that is no JSON");
        assert!(set.keys.len() + set.skipped.len() <= entries(&theirs).len());
        let public = entries(&theirs).iter().filter(|entry| is_public_and_for_signatures(entry));
        assert!(set.keys.len() <= LIMITS.max_keys.min(public.count()));
        assert_unambiguous(&set.keys);
        keys.extend(set.keys);
    }
    if let Ok(set) = JwkSet::parse_pem(input, &LIMITS) {
        assert!(set.keys.len() <= LIMITS.max_keys);
        assert!(set.keys.iter().all(|key| key.kid().is_none()));
        keys.extend(set.keys);
    }
    let text = std::str::from_utf8(input).ok();
    let key = text.and_then(|text| HexKey::parse(text).ok());
    keys.extend(key.map(|key| Arc::clone(key.key())));
    for key in &keys {
        assert_survives(key);
    }
    !keys.is_empty()
}

fn entries(document: &Value) -> &[Value] {
    match &document["keys"] {
        Value::Array(entries) => entries,
        _ => slice::from_ref(document),
    }
}

fn is_public_and_for_signatures(jwk: &Value) -> bool {
    let is_public = PRIVATE.iter().all(|name| jwk[name].is_null());
    jwk.is_object() && is_public && jwk["kty"] != "oct" && jwk["use"] != "enc"
}

/// Published, it is the same key: by its thumbprint, its name and its algorithms.
fn assert_survives(key: &VerificationKey) {
    assert!(key.algorithms().iter().next().is_some(), "a key for nothing");
    let published = key.public_jwk().expect("a public key");
    for private in PRIVATE {
        assert!(published.get(private).is_none(), "a private member: {private}");
    }
    let set = JwkSet::parse(published.to_text().as_bytes(), &LIMITS).expect("its own JWK");
    let [again] = set.keys.as_slice() else { panic!("refused: {:?}", set.skipped) };
    assert_eq!(again.thumbprint(), key.thumbprint());
    assert_eq!(again.kid(), key.kid());
    assert_eq!(again.kind(), key.kind());
    assert!(again.algorithms().iter().eq(key.algorithms().iter()));
}

fn assert_unambiguous(keys: &[Arc<VerificationKey>]) {
    for (place, one) in keys.iter().enumerate() {
        for other in keys.iter().skip(place + 1).filter(|other| other.kid() == one.kid()) {
            let shared = one.algorithms().iter().any(|alg| other.algorithms().contains(alg));
            let is_same = one.thumbprint() == other.thumbprint();
            assert!(one.kid().is_none() || !shared || is_same, "one name, two keys");
        }
    }
}
