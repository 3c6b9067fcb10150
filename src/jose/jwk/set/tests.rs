use proptest::prelude::*;

use super::*;
use crate::jose::{Algorithm, SigningKey};

fn public(alg: Algorithm, kid: &str) -> String {
    let key = SigningKey::generate(alg, Some(kid)).unwrap();
    key.public_jwk().unwrap().to_text()
}

fn set(entries: &[&str]) -> JwkSet {
    let document = format!(r#"{{"keys":[{}]}}"#, entries.join(","));
    JwkSet::parse(document.as_bytes(), &KeyLimits::default()).unwrap()
}

/// The kids of the usable keys, and place and code of the others.
fn outcome(set: &JwkSet) -> (Vec<Option<&str>>, Vec<(usize, &'static str)>) {
    let skipped = set.skipped.iter();
    (
        set.keys.iter().map(|key| key.kid()).collect(),
        skipped.map(|key| (key.position, key.rejection.code())).collect(),
    )
}

#[test]
fn k6_k7_an_unusable_key_is_skipped_and_the_others_are_kept() {
    let encryption = public(Algorithm::Es256, "b").replace("\"sig\"", "\"enc\"");
    let set = set(&[
        &public(Algorithm::Es256, "a"),
        &encryption,
        r#"{"kty":"oct","kid":"c","k":"AAAA"}"#,
        r#"{"kty":"XYZ","kid":"d"}"#,
        "17",
        &public(Algorithm::EdDsa, "e"),
    ]);
    let (kids, skipped) = outcome(&set);
    assert_eq!(kids, [Some("a"), Some("e")]);
    let expected = [
        (1, "use_not_sig"),
        (2, "shared_secret"),
        (3, "key_type_unsupported"),
        (4, "not_an_object"),
    ];
    assert_eq!(skipped, expected);
    let names: Vec<_> = set.skipped.iter().map(|key| key.kid.as_deref()).collect();
    assert_eq!(names, [Some("b"), Some("c"), Some("d"), None]);
}

#[test]
fn k5_a_kid_that_occurs_twice_names_no_key() {
    let (one, other) = (public(Algorithm::Es256, "a"), public(Algorithm::EdDsa, "a"));
    let third = public(Algorithm::Es256, "b");
    for entries in [[&one, &other, &third], [&one, &one, &third]] {
        let set = set(&entries.map(String::as_str));
        let (kids, skipped) = outcome(&set);
        assert_eq!(kids, [Some("b")]);
        assert_eq!(skipped, [(0, "duplicate_kid"), (1, "duplicate_kid")]);
    }
}

#[test]
fn k5_an_unusable_key_of_the_same_kid_makes_it_ambiguous_too() {
    let good = public(Algorithm::Es256, "a");
    let encryption = public(Algorithm::Es256, "a").replace("\"sig\"", "\"enc\"");
    for other in [&*encryption, r#"{"kty":"oct","kid":"a","k":"AAAA"}"#, r#"{"kid":"a"}"#] {
        let set = set(&[&good, other]);
        let (kids, skipped) = outcome(&set);
        assert_eq!((kids.len(), skipped.len()), (0, 2), "{other}");
    }
}

#[test]
fn k5_one_key_may_have_several_names_and_several_keys_none() {
    let one = public(Algorithm::Es256, "a");
    let renamed = one.replace("\"kid\":\"a\"", "\"kid\":\"b\"");
    let nameless = one.replace("\"kid\":\"a\",", "");
    let set = set(&[&one, &renamed, &nameless, &nameless]);
    let (kids, skipped) = outcome(&set);
    assert_eq!(kids, [Some("a"), Some("b"), None, None]);
    assert!(skipped.is_empty());
    let prints = set.keys.iter().map(|key| key.thumbprint());
    assert!(prints.into_iter().all(|print| print == set.keys[0].thumbprint()));
}

#[test]
fn k1_keys_beyond_the_limit_are_skipped_and_their_kids_count() {
    let entries: Vec<_> = ["a", "b", "c", "a"].map(|kid| public(Algorithm::EdDsa, kid)).into();
    let document = format!(r#"{{"keys":[{}]}}"#, entries.join(","));
    let limits = KeyLimits { max_keys: 2, ..KeyLimits::default() };
    let set = JwkSet::parse(document.as_bytes(), &limits).unwrap();
    let (kids, skipped) = outcome(&set);
    assert_eq!(kids, [Some("b")]);
    let expected = [(0, "duplicate_kid"), (2, "too_many_keys"), (3, "too_many_keys")];
    assert_eq!(skipped, expected);
}

#[test]
fn a_single_jwk_is_a_set_of_one() {
    let jwk = public(Algorithm::Es384, "a");
    let set = JwkSet::parse(jwk.as_bytes(), &KeyLimits::default()).unwrap();
    assert_eq!(outcome(&set).0, [Some("a")]);
}

#[test]
fn k3_what_is_no_key_set_is_an_error_and_never_an_empty_set() {
    let syntax = JwkSetError::Json(JsonError::Syntax);
    for (document, expected) in [
        ("", syntax),
        ("<html></html>", syntax),
        (r#"{"keys":["#, syntax),
        ("{}", JwkSetError::NoKeys),
        (r#"{"keys":{}}"#, JwkSetError::NoKeys),
        (r#"{"keys":null}"#, JwkSetError::NoKeys),
        ("[]", JwkSetError::Json(JsonError::NotAnObject)),
        (r#"{"keys":[],"keys":[]}"#, JwkSetError::Json(JsonError::DuplicateMember)),
    ] {
        let parsed = JwkSet::parse(document.as_bytes(), &KeyLimits::default());
        assert_eq!(parsed.err(), Some(expected), "{document}");
    }
    let empty = JwkSet::parse(br#"{"keys":[]}"#, &KeyLimits::default()).unwrap();
    assert!(empty.keys.is_empty() && empty.skipped.is_empty());
}

#[test]
fn a_long_kid_is_not_carried_into_the_report() {
    let set =
        set(
            &[&public(Algorithm::EdDsa, "a").replace("\"a\"", &format!("\"{}\"", "k".repeat(300)))],
        );
    assert_eq!(set.skipped[0].kid, None);
}

proptest! {
    #[test]
    fn k6_no_members_make_the_import_panic(
        kty in "(RSA|EC|OKP|AKP|oct)",
        crv in "(P-256|P-521|Ed25519|x)?",
        alg in "(ES256|RS256|EdDSA|ML-DSA-44|x)?",
        numbers: [Vec<u8>; 4],
    ) {
        let [n, e, x, y] = numbers.map(|bytes| crate::jose::base64url::encode(&bytes));
        let document = format!(
            r#"{{"keys":[{{"kty":"{kty}","crv":"{crv}","alg":"{alg}","n":"{n}","e":"{e}","x":"{x}","y":"{y}","pub":"{x}"}}]}}"#
        );
        let set = JwkSet::parse(document.as_bytes(), &KeyLimits::default()).unwrap();
        prop_assert_eq!(set.keys.len() + set.skipped.len(), 1);
    }
}
