//! Which key a token gets.

use crate::{
    jose::{Algorithm, JwkSet, jwk::KeyLimits},
    keys::{
        KeyLookup, KeySet,
        testing::{jwk, renamed, set},
    },
};

/// What a lookup says, in one word; the key's thumbprint in the text where it is found.
fn said(set: &KeySet, kid: Option<&str>, alg: Algorithm) -> String {
    match set.lookup(kid, alg) {
        KeyLookup::Found(key) => format!("found {}", key.kid().unwrap_or("-")),
        KeyLookup::UnknownKid => "unknown".to_owned(),
        KeyLookup::NoSuitableKey => "unsuitable".to_owned(),
        KeyLookup::Ambiguous => "ambiguous".to_owned(),
    }
}

fn ed(set: &KeySet, kid: Option<&str>) -> String {
    said(set, kid, Algorithm::EdDsa)
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
        assert_eq!(said(&set, Some("a"), alg), "unsuitable", "{alg}");
        assert_eq!(said(&set, None, alg), "unsuitable", "{alg}");
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
    assert_eq!(said(&one, Some("whatever"), Algorithm::Rs256), "unsuitable");
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
