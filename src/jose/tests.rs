//! Forgeries: tokens that are well formed and must not verify, whichever rule stops them.

mod raw_signatures;

use std::sync::LazyLock;

use super::*;
use crate::json::{Json, Object};

static RSA: LazyLock<&SigningKey> = LazyLock::new(|| shared_key(Algorithm::Rs256));
static P256: LazyLock<&SigningKey> = LazyLock::new(|| shared_key(Algorithm::Es256));
static P384: LazyLock<&SigningKey> = LazyLock::new(|| shared_key(Algorithm::Es384));
static ED25519: LazyLock<&SigningKey> = LazyLock::new(|| shared_key(Algorithm::EdDsa));

/// A key with the kid "one" for each algorithm. Making an RSA key takes a while, so all tests share
/// them, and all RSA algorithms share one modulus.
pub(super) fn shared_key(alg: Algorithm) -> &'static SigningKey {
    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
        let rsa = key(Algorithm::Rs256).private_jwk();
        let of_rsa = |alg: Algorithm| {
            let mut jwk = rsa.clone();
            jwk.insert("alg", alg.name());
            SigningKey::from_jwk(&jwk).unwrap()
        };
        let is_rsa = |alg: Algorithm| alg.key_type() == algorithm::KeyType::Rsa;
        let all = Algorithm::ALL.iter().copied();
        all.map(|alg| if is_rsa(alg) { of_rsa(alg) } else { key(alg) }).collect()
    });
    &KEYS[alg.index()]
}

fn key(alg: Algorithm) -> SigningKey {
    SigningKey::generate(alg, Some("one")).unwrap()
}

/// The public key as a set would give it, without the members named.
fn public(key: &SigningKey, without: &[&str]) -> VerificationKey {
    let jwk: Object = key
        .public_jwk()
        .unwrap()
        .into_iter()
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .collect();
    VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap()
}

fn header(text: &str) -> Object {
    Object::parse(text.as_bytes()).unwrap()
}

fn verifies(token: &str, key: &VerificationKey) -> bool {
    CompactJws::parse(token.as_bytes()).is_ok_and(|jws| jws.verify(key))
}

/// A token whose header claims `alg`, signed with whatever `key` signs with.
fn signed(key: &SigningKey, alg: &str) -> String {
    key.sign_compact(&header(&format!(r#"{{"alg":"{alg}"}}"#)), b"{}").unwrap()
}

/// The token with another signature.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let (input, _) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

fn signature(token: &str) -> Vec<u8> {
    let (_, text) = token.rsplit_once('.').unwrap();
    base64url::decode(text.as_bytes()).unwrap()
}

#[test]
fn t2_a_public_key_is_never_an_hmac_secret() {
    let jwk = RSA.public_jwk().unwrap();
    let pem = RSA.public_pem().unwrap();
    let modulus = base64url::decode(jwk.get("n").unwrap().as_str().unwrap().as_bytes()).unwrap();
    for secret in [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        format!(" {pem}").as_bytes(),
        format!("\n{pem}").as_bytes(),
        format!("\u{feff}{pem}").as_bytes(),
        jwk.to_text().as_bytes(),
        &modulus,
    ] {
        let oct: Object = [("kty", "oct"), ("alg", "HS256"), ("k", &base64url::encode(secret))]
            .map(|(name, value)| (name.to_owned(), Json::from(value)))
            .into_iter()
            .collect();
        let forger = SigningKey::from_jwk(&oct).unwrap();
        let token = forger.sign_compact(&Object::default(), b"{}").unwrap();
        assert!(verifies(&token, &forger.verification_key().unwrap()));
        for without in [&[][..], &["alg"]] {
            assert!(!verifies(&token, &public(&RSA, without)));
        }
    }
}

#[test]
fn t4_a_key_verifies_only_with_the_algorithms_it_is_bound_to() {
    let signed_with = |alg: &str| {
        let key = shared_key(Algorithm::from_name(alg).unwrap());
        key.sign_compact(&Object::default(), b"{}").unwrap()
    };
    let bound = public(&RSA, &[]);
    let open = public(&RSA, &["alg"]);
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = signed_with(alg);
        assert_eq!(verifies(&token, &bound), alg == "RS256", "{alg}");
        assert!(verifies(&token, &open), "{alg}");
    }
    // Right signature, wrong name: the name decides how it is checked, and it fails.
    assert!(!verifies(&signed(&RSA, "PS256"), &open));
    assert!(!verifies(&signed(&RSA, "RS512"), &open));
}

#[test]
fn t5_key_type_and_curve_must_fit_the_algorithm() {
    let keys: [&SigningKey; 4] = [*RSA, *P256, *P384, *ED25519];
    for signer in keys {
        for alg in Algorithm::ALL {
            let token = signed(signer, alg.name());
            for verifier in keys {
                let right = std::ptr::eq(signer, verifier) && *alg == signer.algorithm();
                assert_eq!(
                    verifies(&token, &public(verifier, &["alg"])),
                    right,
                    "{signer:?} as {alg} for {verifier:?}"
                );
            }
        }
    }
}

#[test]
fn t10_both_names_of_ed25519_mean_the_same_check() {
    let token = signed(&ED25519, "Ed25519");
    let mut jwk = ED25519.public_jwk().unwrap();
    for alg in ["EdDSA", "Ed25519"] {
        jwk.insert("alg", alg);
        let key = VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap();
        assert!(verifies(&token, &key), "{alg}");
        assert!(verifies(&signed(&ED25519, "EdDSA"), &key), "{alg}");
    }
    assert!(!verifies(&signed(&ED25519, "Ed448"), &public(&ED25519, &[])));
}

#[test]
fn t15_a_key_that_the_token_brings_along_is_not_used() {
    let attacker = key(Algorithm::Es256);
    let mut with_key = Object::default();
    with_key.insert("jwk", attacker.public_jwk().unwrap());
    with_key.insert("jku", "https://attacker.example/keys");
    let forged = attacker.sign_compact(&with_key, b"{}").unwrap();
    assert!(!verifies(&forged, &public(&P256, &[])));
    let genuine = P256.sign_compact(&with_key, b"{}").unwrap();
    assert!(verifies(&genuine, &public(&P256, &[])));
}

#[test]
fn t16_verify_compact_heeds_the_key_id() {
    let verifier = public(&P256, &[]);
    for (kid, right) in [("one", true), ("One", false), ("two", false), ("on", false)] {
        let named = header(&format!(r#"{{"kid":"{kid}"}}"#));
        let token = P256.sign_compact(&named, b"{}").unwrap();
        assert_eq!(verify_compact(token.as_bytes(), &verifier).is_ok(), right, "{kid}");
        assert!(verify_compact(token.as_bytes(), &public(&P256, &["kid"])).is_ok());
    }
}

#[test]
fn t20_verify_compact_gives_any_payload_and_claims_take_only_objects() {
    let verifier = public(&P256, &[]);
    for payload in ["", "[]", "\"text\"", "1", "null"] {
        let token = P256.sign_compact(&Object::default(), payload.as_bytes()).unwrap();
        let bytes = verify_compact(token.as_bytes(), &verifier).unwrap();
        assert_eq!(bytes, payload.as_bytes());
        assert!(Object::parse(&bytes).is_err(), "{payload}");
    }
}

#[test]
fn t22_no_part_of_a_token_can_be_taken_away_or_exchanged() {
    let verifier = public(&P256, &["kid"]);
    let make = |kid: &str, payload: &[u8]| {
        let named = header(&format!(r#"{{"kid":"{kid}"}}"#));
        P256.sign_compact(&named, payload).unwrap()
    };
    let (one, two) = (make("one", b"{\"a\":1}"), make("two", b"{\"b\":2}"));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let tokens = [parts(&one), parts(&two)];
    for mix in 0..8 {
        let part = |place: usize| tokens[mix >> place & 1][place].clone();
        let mixed = [part(0), part(1), part(2)].join(".");
        let untouched = mixed == one || mixed == two;
        assert_eq!(verifies(&mixed, &verifier), untouched, "{mixed}");
    }
    for end in 0..one.len() {
        assert!(!verifies(&one[..end], &verifier), "cut at {end}");
    }
}

#[test]
fn t22_every_changed_bit_is_noticed() {
    let verifier = public(&ED25519, &["kid"]);
    let token = signed(&ED25519, "EdDSA");
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let changed = CompactJws::parse(&bytes).is_ok_and(|jws| jws.verify(&verifier));
            assert!(!changed, "bit {bit} of byte {place}");
        }
    }
}
