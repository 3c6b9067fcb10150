//! Which key a token means: `kid`, what several keys share, and tokens without one (RFC 7515
//! §4.1.4, RFC 7517 §4.5).

use std::sync::Arc;

use countersign::jose::{Algorithm, SigningKey};

use super::own;
use crate::differential::{
    case::{Case, Terms},
    draft::{Draft, Members, quoted},
    keyring::{Keyring, for_algorithm, public_jwk, renamed_jwk, set_of},
};

pub(super) fn cases() -> Vec<Case> {
    let sets = sets();
    let mut cases = Vec::new();
    for (what, keys) in &sets {
        let terms = Terms::of_set(set_of(keys));
        for (which, token) in tokens() {
            cases.push(Case::new(format!("names/{what} [{which}]"), token, &terms));
        }
    }
    cases
}

/// Tokens by the issuer's keys, with a `kid` and without.
fn tokens() -> Vec<(String, String)> {
    let algorithms = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256];
    let mut tokens = Vec::new();
    for alg in algorithms {
        let draft = Draft::of(own(alg));
        for kid in [None, Some("k"), Some("K"), Some("other")] {
            let mut draft = draft.clone();
            match kid {
                Some(kid) => draft.header.set("kid", &quoted(kid)),
                None => draft.header.remove("kid"),
            }
            tokens.push((format!("{alg}, {}", kid.unwrap_or("no kid")), draft.token()));
        }
    }
    tokens
}

/// Sets of keys, most of which call some key `k`.
fn sets() -> Vec<(&'static str, Vec<Members>)> {
    let (es, rs) = (own(Algorithm::Es256), own(Algorithm::Rs256));
    let ps = for_algorithm(rs, Algorithm::Ps256).unwrap();
    let (strange_es, strange_rs) =
        (Keyring::get().strange(Algorithm::Es256), Keyring::get().strange(Algorithm::Rs256));
    let (k, other) =
        (|key: &Arc<SigningKey>| renamed_jwk(key, "k"), |key| renamed_jwk(key, "other"));
    vec![
        ("one key", vec![k(es)]),
        ("one key without kid", vec![nameless(es)]),
        ("two keys", vec![k(es), other(rs)]),
        ("two keys without kid", vec![nameless(es), nameless(rs)]),
        ("two of a kind", vec![k(es), other(strange_es)]),
        ("two of a kind, the other way round", vec![other(strange_es), k(es)]),
        ("two of a kind without kid", vec![nameless(es), nameless(strange_es)]),
        ("one of a kind without kid", vec![nameless(es), other(strange_es)]),
        ("one kid, two kinds", vec![k(es), k(rs)]),
        ("one kid, two keys", vec![k(es), k(strange_es)]),
        ("one kid, two keys, the other way round", vec![k(strange_es), k(es)]),
        ("one kid, two RSA keys", vec![k(rs), k(strange_rs)]),
        ("one kid, the same key twice", vec![k(es), k(es)]),
        ("one kid, the same key for two algorithms", vec![k(rs), k(&ps)]),
        ("one kid, the same key with and without alg", vec![k(rs), without(k(rs), "alg")]),
        ("one kid, the same key for signatures and encryption", vec![k(rs), encrypting(k(rs))]),
        ("one kid, another key for encryption", vec![k(rs), encrypting(k(strange_rs))]),
        ("one kid, another key for encryption first", vec![encrypting(k(strange_rs)), k(rs)]),
        ("two kids, the same key", vec![k(es), other(es)]),
        ("two kids, the same RSA key", vec![k(rs), other(&ps)]),
        ("without alg", vec![without(k(es), "alg"), without(other(rs), "alg")]),
        ("without use", vec![without(k(es), "use"), without(other(rs), "use")]),
        ("a private key", vec![private(es)]),
        ("one kid, a private key beside it", vec![k(es), private(es)]),
        ("one kid, a shared secret beside it", vec![k(es), secret()]),
        ("a shared secret beside it without kid", vec![k(es), without(secret(), "kid")]),
    ]
}

fn nameless(key: &SigningKey) -> Members {
    without(public_jwk(key), "kid")
}

fn without(mut jwk: Members, member: &str) -> Members {
    jwk.remove(member);
    jwk
}

fn encrypting(mut jwk: Members) -> Members {
    jwk.set("use", "\"enc\"");
    jwk.set("alg", "\"RSA-OAEP\"");
    jwk
}

fn private(key: &SigningKey) -> Members {
    let mut jwk = Members::parse(&key.private_jwk().to_text());
    jwk.set("kid", "\"k\"");
    jwk
}

fn secret() -> Members {
    Members::parse(r#"{"kty":"oct","kid":"k","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
}
