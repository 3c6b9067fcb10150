//! Algorithms, keys and allow-lists in every combination (RFC 8725 §3.1, RFC 7518 §3).

use std::sync::Arc;

use countersign::jose::{Algorithm, SigningKey};
use serde_json::Value;

use super::{
    case::{Case, Keys, Terms},
    draft::{Draft, quoted},
    keyring::{Keyring, for_algorithm, public_jwk, set_of},
};

pub(super) fn cases() -> Vec<Case> {
    let lists = [honest(), mixed(), allowed(), unbound_rsa(), names_of_ed25519(), secrets()];
    lists.into_iter().flatten().collect()
}

fn public() -> impl Iterator<Item = Algorithm> {
    Algorithm::ALL.iter().copied().filter(|alg| !alg.is_symmetric())
}

fn secret() -> impl Iterator<Item = Algorithm> {
    Algorithm::ALL.iter().copied().filter(|alg| alg.is_symmetric())
}

/// The rules for a shared secret.
fn of_secret(alg: Algorithm) -> Arc<Terms> {
    let key = Keyring::get().own(alg);
    let jwk: Value = serde_json::from_str(&key.private_jwk().to_text()).unwrap();
    let secret = countersign::jose::base64url::decode(jwk["k"].as_str().unwrap().as_bytes());
    Terms::usual().with(|terms| {
        terms.keys = Keys::Secret(secret.unwrap());
        terms.algorithms = vec![alg];
    })
}

/// Valid tokens: every judge that knows the algorithm must admit them.
pub(super) fn honest() -> Vec<Case> {
    let usual = Terms::usual();
    let token = |alg| Draft::of(Keyring::get().own(alg)).token();
    let of_public = public().map(|alg| Case::new(format!("honest/{alg}"), token(alg), &usual));
    let of_secret =
        secret().map(|alg| Case::new(format!("honest/{alg}"), token(alg), &of_secret(alg)));
    of_public.chain(of_secret).collect()
}

/// Signed by one key, and said to be another's or by another algorithm.
fn mixed() -> Vec<Case> {
    let usual = Terms::usual();
    let mut cases = Vec::new();
    for signing in Algorithm::ALL {
        for named in Algorithm::ALL.iter().filter(|named| *named != signing) {
            for kid in [signing, named] {
                let draft = Draft::of(Keyring::get().own(*signing))
                    .with_header("alg", &quoted(named.name()))
                    .with_header("kid", &quoted(kid.name()));
                let name = format!("algorithms/mixed [{signing} as {named} of {kid}]");
                cases.push(Case::new(name, draft.token(), &usual));
            }
        }
    }
    cases
}

/// Every algorithm where one is allowed.
fn allowed() -> Vec<Case> {
    let usual = Terms::usual();
    let mut cases = Vec::new();
    for allowed in public() {
        let terms = usual.with(|terms| terms.algorithms = vec![allowed]);
        for alg in public() {
            let token = Draft::of(Keyring::get().own(alg)).token();
            cases.push(Case::new(format!("algorithms/only {allowed} [{alg}]"), token, &terms));
        }
    }
    cases
}

/// An RSA key that names no algorithm is for all of its kind (RFC 7517 §4.4).
fn unbound_rsa() -> Vec<Case> {
    let key = Keyring::get().own(Algorithm::Rs256);
    let mut jwk = public_jwk(key);
    jwk.remove("alg");
    let terms = Terms::of_set(set_of(&[jwk]));
    let by = |alg: Algorithm| for_algorithm(key, alg);
    let case = |signer: Arc<SigningKey>| {
        let draft = Draft::of(&signer).with_header("kid", &quoted(key.kid()));
        let name = format!("algorithms/key without alg [{}]", signer.algorithm());
        Case::new(name, draft.token(), &terms)
    };
    public().filter_map(by).map(case).collect()
}

/// RFC 9864 gives `EdDSA` over Ed25519 a name of its own.
fn names_of_ed25519() -> Vec<Case> {
    let key = Keyring::get().own(Algorithm::EdDsa);
    let mut cases = Vec::new();
    for of_key in ["EdDSA", "Ed25519", "none"] {
        let mut jwk = public_jwk(key);
        match of_key {
            "none" => jwk.remove("alg"),
            name => jwk.set("alg", &quoted(name)),
        }
        let terms = Terms::of_set(set_of(&[jwk]));
        for of_token in ["EdDSA", "Ed25519"] {
            let draft = Draft::of(key).with_header("alg", &quoted(of_token));
            let name = format!("algorithms/Ed25519 as {of_token} [key for {of_key}]");
            cases.push(Case::new(name, draft.token(), &terms));
        }
    }
    cases
}

/// Shared secrets, and public keys where a secret is expected.
fn secrets() -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in secret() {
        let terms = of_secret(alg);
        let mut case = |what: &str, draft: Draft| {
            cases.push(Case::new(format!("algorithms/{what} [{alg}]"), draft.token(), &terms));
        };
        let own = Keyring::get().own(alg);
        case("secret without kid", {
            let mut draft = Draft::of(own);
            draft.header.remove("kid");
            draft
        });
        case("secret with another kid", Draft::of(own).with_header("kid", "\"other\""));
        case("another secret", Draft::of(own).by(Keyring::get().strange(alg)));
        case("secret, but none", Draft::of(own).with_header("alg", "\"none\""));
        for other in Algorithm::ALL.iter().filter(|other| **other != alg) {
            case(&format!("secret, but {other}"), Draft::of(Keyring::get().own(*other)));
        }
    }
    cases
}
