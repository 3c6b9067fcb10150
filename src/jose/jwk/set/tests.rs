use proptest::prelude::*;

use super::*;
use crate::jose::{Algorithm, SigningKey, base64url};

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

/// The same JWK with one member of another value, given as JSON.
fn with(jwk: &str, name: &str, value: &str) -> String {
    let mut jwk = Object::parse(jwk.as_bytes()).unwrap();
    jwk.insert(name, Json::parse(value.as_bytes()).unwrap());
    jwk.to_text()
}

fn without(jwk: &str, name: &str) -> String {
    let mut jwk: serde_json::Value = serde_json::from_str(jwk).unwrap();
    jwk.as_object_mut().unwrap().remove(name);
    jwk.to_string()
}

/// The algorithms of each usable key, and the codes of the others in document order.
fn algorithms(set: &JwkSet) -> (Vec<String>, Vec<&'static str>) {
    let names = |key: &Arc<VerificationKey>| {
        key.algorithms().iter().map(Algorithm::name).collect::<Vec<_>>().join(" ")
    };
    (set.keys.iter().map(names).collect(), outcome(set).1.into_iter().map(|it| it.1).collect())
}

#[test]
fn k5_two_keys_of_one_kid_and_algorithm_are_both_left_out() {
    let (one, other) = (public(Algorithm::Es256, "a"), public(Algorithm::Es256, "a"));
    let third = public(Algorithm::Es256, "b");
    for [first, second] in [
        [&one, &other],
        [&without(&one, "alg"), &other],
        [&without(&one, "use"), &with(&without(&other, "use"), "key_ops", r#"["verify"]"#)],
    ] {
        let set = set(&[first, &third, second]);
        let (kids, skipped) = outcome(&set);
        assert_eq!(kids, [Some("b")]);
        assert_eq!(skipped, [(0, "duplicate_kid"), (2, "duplicate_kid")]);
        let reasons: Vec<_> = set.skipped.iter().map(|key| key.rejection).collect();
        let expected = [2, 0].map(|other| KeyRejection::DuplicateKid { other });
        assert_eq!(reasons, expected, "each names the other");
    }
    // A third copy of one of them does not outvote the other.
    assert_eq!(outcome(&set(&[&one, &other, &one])).0, []);
}

#[test]
fn k15_a_key_that_is_listed_again_is_no_ambiguity() {
    let key = public(Algorithm::Rs256, "a");
    let ps256 = with(&key, "alg", r#""PS256""#);
    let open = without(&key, "alg");
    let all = "RS256 RS384 RS512 PS256 PS384 PS512";
    for (entries, usable, skipped) in [
        (vec![&key, &key], vec!["RS256", "RS256"], vec![]),
        (vec![&key, &ps256], vec!["RS256", "PS256"], vec![]),
        (vec![&key, &ps256, &open], vec!["RS256", "PS256", all], vec![]),
        (vec![&key, &with(&key, "use", r#""enc""#)], vec!["RS256"], vec!["use_not_sig"]),
        (vec![&key, &with(&key, "alg", r#""RSA-OAEP""#)], vec!["RS256"], vec!["alg_unsupported"]),
        (vec![&key, &with(&key, "alg", r#""ES256""#)], vec!["RS256"], vec!["alg_mismatch"]),
        (vec![&key, &with(&key, "n", &leading_zero(&key))], vec!["RS256", "RS256"], vec![]),
    ] {
        let entries: Vec<_> = entries.into_iter().map(String::as_str).collect();
        let expected = (usable.into_iter().map(str::to_owned).collect(), skipped);
        assert_eq!(algorithms(&set(&entries)), expected, "{entries:?}");
    }
}

/// The modulus as DER has it, with a zero byte before it.
fn leading_zero(jwk: &str) -> String {
    let jwk = Object::parse(jwk.as_bytes()).unwrap();
    let modulus = jwk.get("n").and_then(Json::as_str).unwrap();
    let modulus = base64url::decode(modulus.as_bytes()).unwrap();
    format!("{:?}", base64url::encode(&[&[0], &*modulus].concat()))
}

#[test]
fn k15_keys_of_other_uses_and_algorithms_may_share_a_kid() {
    let good = public(Algorithm::Es256, "a");
    let another = public(Algorithm::Es256, "a");
    for other in [
        // Of another algorithm.
        &*public(Algorithm::EdDsa, "a"),
        &public(Algorithm::Es384, "a"),
        &public(Algorithm::Rs256, "a"),
        // Of another use.
        &with(&another, "use", r#""enc""#),
        &with(&without(&another, "use"), "key_ops", r#"["deriveKey"]"#),
        &with(&another, "alg", r#""ECDH-ES""#),
        // Not readable, but clearly not for ES256.
        r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"EC","kid":"a","alg":"ES384"}"#,
        r#"{"kty":"EC","kid":"a","crv":"P-384"}"#,
        r#"{"kty":"EC","kid":"a","crv":"secp256k1"}"#,
        r#"{"kty":"oct","kid":"a","k":"AAAA"}"#,
        r#"{"kty":"XYZ","kid":"a"}"#,
    ] {
        for entries in [[&*good, other], [other, &*good]] {
            let set = set(&entries);
            let (kids, skipped) = outcome(&set);
            assert_eq!(kids.len() + skipped.len(), 2);
            let codes = skipped.iter().map(|key| key.1);
            assert!(!codes.into_iter().any(|code| code == "duplicate_kid"), "{other}: {skipped:?}");
            let es256 = |key: &Arc<VerificationKey>| key.algorithms().contains(Algorithm::Es256);
            assert_eq!(set.keys.iter().filter(|key| es256(key)).count(), 1, "{other}");
        }
    }
}

/// Which of the two a token means is unknown, and being readable gives the other no precedence.
#[test]
fn k5_an_unusable_entry_that_may_be_for_the_same_algorithm_makes_a_kid_ambiguous() {
    let good = public(Algorithm::Es256, "a");
    let another = public(Algorithm::Es256, "a");
    for other in [
        r#"{"kid":"a"}"#,
        r#"{"kty":17,"kid":"a"}"#,
        r#"{"kty":"EC","kid":"a"}"#,
        r#"{"kty":"EC","crv":17,"kid":"a"}"#,
        r#"{"kty":"EC","crv":"P-256","kid":"a"}"#,
        r#"{"kty":"XYZ","alg":"ES256","kid":"a"}"#,
        r#"{"kty":"oct","alg":"ES256","k":"AAAA","kid":"a"}"#,
        &with(&another, "y", r#""AAAA""#),
        &with(&another, "alg", r#""RS256""#),
        &with(&another, "alg", "17"),
        &with(&another, "use", "17"),
        &with(&another, "key_ops", r#"["verify","encrypt"]"#),
        &with(&with(&another, "use", r#""enc""#), "key_ops", r#"["verify"]"#),
        &with(&without(&another, "use"), "key_ops", "[]"),
        &with(&without(&another, "use"), "key_ops", r#"["sign"]"#),
        &SigningKey::generate(Algorithm::Es256, Some("a")).unwrap().private_jwk().to_text(),
    ] {
        let set = set(&[&good, other]);
        let (kids, skipped) = outcome(&set);
        assert_eq!((kids.len(), skipped.len()), (0, 2), "{other}");
        assert_eq!(skipped[0], (0, "duplicate_kid"), "{other}");
        let names_the_other = set.skipped[0].rejection.to_string().contains("keys[1]");
        assert!(names_the_other, "{other}: {}", set.skipped[0].rejection);
    }
}

#[test]
fn k6_a_key_whose_private_half_is_listed_is_used_under_no_name() {
    let key = SigningKey::generate(Algorithm::Es256, Some("a")).unwrap();
    let (public_half, private_half) =
        (key.public_jwk().unwrap().to_text(), key.private_jwk().to_text());
    let neighbour = public(Algorithm::Es256, "c");
    for private_half in [private_half.clone(), with(&private_half, "kid", r#""b""#)] {
        let set = set(&[&public_half, &neighbour, &private_half]);
        let (kids, skipped) = outcome(&set);
        assert_eq!(kids, [Some("c")]);
        assert_eq!(skipped, [(0, "private_half_listed"), (2, "private_key")]);
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

/// A key beyond the limit is not read, so that it is not known to be the same.
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
    assert_eq!(set.skipped[0].rejection, KeyRejection::KidOfUnreadable { other: 3 });
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
        let [n, e, x, y] = numbers.map(|bytes| base64url::encode(&bytes));
        let document = format!(
            r#"{{"keys":[{{"kty":"{kty}","crv":"{crv}","alg":"{alg}","n":"{n}","e":"{e}","x":"{x}","y":"{y}","pub":"{x}"}}]}}"#
        );
        let set = JwkSet::parse(document.as_bytes(), &KeyLimits::default()).unwrap();
        prop_assert_eq!(set.keys.len() + set.skipped.len(), 1);
    }
}
