//! Which key a token gets.

use crate::{
    jose::{Algorithm, JwkSet, SigningKey, jwk::KeyLimits},
    keys::{
        KeyLookup, KeySet,
        testing::{jwk, renamed, set},
    },
};

/// The outcome of a lookup, as a code; with the key's thumbprint where it is found.
fn outcome(set: &KeySet, kid: Option<&str>, alg: Algorithm) -> String {
    match set.lookup(kid, alg) {
        KeyLookup::Found(key) => format!("found {}", key.kid().unwrap_or("-")),
        KeyLookup::UnknownKid => "unknown".to_owned(),
        KeyLookup::NoSuitableKey => "unsuitable".to_owned(),
        KeyLookup::Ambiguous => "ambiguous".to_owned(),
    }
}

fn ed(set: &KeySet, kid: Option<&str>) -> String {
    outcome(set, kid, Algorithm::EdDsa)
}

#[test]
fn t16_a_kid_is_compared_byte_for_byte() {
    let set = KeySet::new(set(&[jwk("a"), jwk("A"), jwk("../../dev/null")]));
    assert_eq!(ed(&set, Some("a")), "found a");
    assert_eq!(ed(&set, Some("A")), "found A");
    assert_eq!(ed(&set, Some("../../dev/null")), "found ../../dev/null");
    for kid in ["", "b", "a ", "a\0", "à", "' OR 1", "../dev/null"] {
        assert_eq!(ed(&set, Some(kid)), "unknown", "{kid:?}");
    }
}

#[test]
fn t4_a_known_kid_is_of_no_use_with_another_algorithm() {
    let set = KeySet::new(set(&[jwk("a")]));
    for alg in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        assert_eq!(outcome(&set, Some("a"), alg), "unsuitable", "{alg}");
        assert_eq!(outcome(&set, None, alg), "unsuitable", "{alg}");
    }
}

#[test]
fn t16_without_a_kid_exactly_one_key_must_fit() {
    let a = jwk("a");
    assert_eq!(ed(&KeySet::new(set(&[&a])), None), "found a");
    assert_eq!(ed(&KeySet::new(set(&[&a, &jwk("b")])), None), "ambiguous");
    // WSO2 lists one key under several names.
    let twice = KeySet::new(set(&[&a, &renamed(&a, Some("a_RS256"))]));
    assert_eq!(ed(&twice, None), "found a");
    assert_eq!(ed(&twice, Some("a_RS256")), "found a_RS256");
}

/// The same key, listed for that algorithm alone.
fn listed_for(jwk: &str, kid: &str, alg: &str) -> String {
    let mut jwk: serde_json::Value = serde_json::from_str(&renamed(jwk, Some(kid))).unwrap();
    jwk["alg"] = alg.into();
    jwk.to_string()
}

#[test]
fn k15_one_key_that_is_listed_per_algorithm_is_found_for_each() {
    let rsa = SigningKey::generate(Algorithm::Rs256, Some("a")).unwrap();
    let rsa = rsa.public_jwk().unwrap().to_text();
    for names in [["a", "a"], ["a", "b"]] {
        let [rs256, ps256] =
            [("RS256", names[0]), ("PS256", names[1])].map(|(alg, kid)| listed_for(&rsa, kid, alg));
        let set = KeySet::new(set(&[&rs256, &ps256]));
        assert_eq!(outcome(&set, Some(names[0]), Algorithm::Rs256), "found a");
        assert_eq!(outcome(&set, Some(names[1]), Algorithm::Ps256), format!("found {}", names[1]));
        assert_eq!(outcome(&set, Some(names[0]), Algorithm::Rs384), "unsuitable");
        assert_eq!(outcome(&set, None, Algorithm::Rs256), "found a");
        assert_eq!(outcome(&set, None, Algorithm::Ps256), format!("found {}", names[1]));
    }
}

#[test]
fn k15_keys_of_one_kid_for_two_algorithms_are_distinguished_by_the_algorithm() {
    let rsa = SigningKey::generate(Algorithm::Rs256, Some("a")).unwrap();
    let set = KeySet::new(set(&[jwk("a"), rsa.public_jwk().unwrap().to_text()]));
    assert_eq!(ed(&set, Some("a")), "found a");
    assert_eq!(outcome(&set, Some("a"), Algorithm::Rs256), "found a");
    assert_eq!(outcome(&set, Some("a"), Algorithm::Es256), "unsuitable");
}

#[test]
fn k15_a_key_that_is_listed_twice_changes_nothing() {
    let a = jwk("a");
    let once = KeySet::new(set(&[&a]));
    let twice = once.successor(set(&[&a, &a]));
    assert_eq!(once.generation(), twice.generation());
    for kid in [Some("a"), None] {
        assert_eq!(ed(&twice, kid), "found a");
    }
}

#[test]
fn k5_a_kid_that_names_two_keys_names_none_and_asks_for_no_refresh() {
    let set = KeySet::new(set(&[jwk("a"), jwk("a"), jwk("b")]));
    assert_eq!(ed(&set, Some("a")), "unsuitable");
    assert_eq!(ed(&set, Some("b")), "found b");
}

#[test]
fn a_set_without_names_fits_any_kid_if_one_key_does() {
    let one = KeySet::new(set(&[renamed(&jwk("a"), None)]));
    assert_eq!(ed(&one, Some("whatever")), "found -");
    assert_eq!(ed(&one, None), "found -");
    assert_eq!(outcome(&one, Some("whatever"), Algorithm::Rs256), "unsuitable");
    let two = KeySet::new(set(&[renamed(&jwk("a"), None), renamed(&jwk("b"), None)]));
    assert_eq!(ed(&two, Some("whatever")), "ambiguous");
}

/// Otherwise the unnamed key would hide that a new `kid` is not known yet.
#[test]
fn k9_an_unnamed_key_beside_named_ones_does_not_stand_for_an_unknown_kid() {
    let mixed = KeySet::new(set(&[jwk("a"), renamed(&jwk("b"), None)]));
    assert_eq!(ed(&mixed, Some("new")), "unknown");
    assert_eq!(ed(&mixed, Some("a")), "found a");
    assert_eq!(ed(&mixed, None), "ambiguous");
}

#[test]
fn an_empty_set_knows_nothing() {
    let document = br#"{"keys":[{"kty":"oct","k":"AAAA","kid":"s"},{"kty":"?","kid":"q"}]}"#;
    let set = KeySet::new(JwkSet::parse(document, &KeyLimits::default()).unwrap());
    assert_eq!(ed(&set, None), "unsuitable");
    assert_eq!(ed(&set, Some("s")), "unsuitable");
    assert_eq!(ed(&set, Some("x")), "unknown");
}

#[test]
fn equal_content_keeps_its_generation_in_any_order() {
    let (a, b) = (jwk("a"), jwk("b"));
    let first = KeySet::new(set(&[&a, &b]));
    let second = first.successor(set(&[&b, &a]));
    assert_eq!(first.generation(), second.generation());
    assert!(second.contains(&first.keys()[0].thumbprint()));

    for other in [vec![a.clone()], vec![b, jwk("c")], vec![a.clone(), renamed(&a, Some("b"))]] {
        let third = second.successor(set(&other));
        assert!(third.generation() > second.generation(), "{other:?}");
    }
}

/// A cache trusts the generation: what it says of a `kid` must be what a lookup says.
#[test]
fn k9_a_named_key_that_is_left_out_changes_the_generation_of_a_set_without_names() {
    let unnamed = renamed(&jwk("a"), None);
    let named = r#"{"kty":"?","kid":"q"}"#;
    let alone = KeySet::new(set(&[&unnamed]));
    let beside = alone.successor(set(&[&unnamed, named]));
    assert_eq!(
        (ed(&alone, Some("x")), ed(&beside, Some("x"))),
        ("found -".into(), "unknown".into())
    );
    assert!(beside.generation() > alone.generation());

    let alone_again = beside.successor(set(&[&unnamed]));
    assert_eq!(ed(&alone_again, Some("x")), "found -");
    assert!(alone_again.generation() > beside.generation());

    let other_named = beside.successor(set(&[&unnamed, &named.replace('q', "r")]));
    assert_eq!(other_named.generation(), beside.generation());
}

#[test]
fn k9_what_is_not_in_the_new_set_is_gone() {
    let (a, b) = (jwk("a"), jwk("b"));
    let old = KeySet::new(set(&[&a]));
    let new = old.successor(set(&[&b]));
    assert!(!new.contains(&old.keys()[0].thumbprint()));
    assert_eq!(ed(&new, Some("a")), "unknown");
}

#[test]
fn a_sets_generation_is_its_own_in_the_whole_process() {
    let a = jwk("a");
    let (one, other) = (KeySet::new(set(&[&a])), KeySet::new(set(&[&a])));
    assert_ne!(one.generation(), other.generation());
}
