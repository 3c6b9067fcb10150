//! K-5 to K-7: keys that are not what they should be, among keys that are.

use countersign::{
    jose::{Algorithm, SigningKey, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::support::{
    issuer::{self, Issuer, public, renamed, sign},
    key_server::Page,
    world::World,
};

/// A world whose issuer publishes these keys, whichever it has.
fn publishing(issuer: &Issuer, keys: &[Value]) -> World {
    let page = Page::json(&json!({ "keys": keys }));
    let world = World::unready(issuer.clone(), "", "", page);
    world.proxy.wait_until_ready();
    world
}

fn with(jwk: &Value, mut changes: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().append(changes.as_object_mut().unwrap());
    jwk
}

fn without_alg(key: &SigningKey) -> Value {
    let mut jwk = public(key);
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

#[test]
fn k05_a_kid_that_two_keys_share_for_one_algorithm_names_neither() {
    let issuer = Issuer::usual();
    let ec = issuer.key("ec");
    let (one, other) =
        (issuer::key(Algorithm::Es256, "twice"), issuer::key(Algorithm::Es256, "twice"));
    for (case, second) in [
        ("two keys", public(&other)),
        ("one of them not bound to an algorithm", without_alg(&other)),
        ("one of them bound to nothing", with(&public(&other), json!({ "alg": null }))),
        ("one of them not readable", with(&public(&other), json!({ "x": "AAAA" }))),
        ("one of them without a type", json!({ "kid": "twice" })),
    ] {
        let world = publishing(&issuer, &[public(&one), public(ec), second]);
        let claims = world.issuer.claims().to_string();
        for key in [&one, &other] {
            let token = sign(key, json!({}), claims.as_bytes());
            world.refuses(case, &token, Reason::KeyUnsuitable);
        }
        world.admits("its neighbour", &sign(ec, json!({}), claims.as_bytes()));
        for place in [world.proxy.page("/keys"), world.proxy.logs()] {
            assert!(place.contains("duplicate_kid"), "{case}: {place}");
            assert!(place.contains("keys[2]"), "{case}: the other entry is named: {place}");
        }
    }
}

#[test]
fn k15_the_same_key_twice_is_no_ambiguity() {
    let issuer = Issuer::usual();
    let (rsa, stranger) = (issuer.key("rsa"), issuer::key(Algorithm::Ps256, "rsa"));
    let jwk = public(rsa);
    let ps256 = with(&jwk, json!({ "alg": "PS256" }));
    let mut as_ps256 = rsa.private_jwk();
    as_ps256.insert("alg", "PS256");
    let as_ps256 = SigningKey::from_jwk(&as_ps256).unwrap();
    for (case, keys) in [
        ("the identical JWK", vec![jwk.clone(), jwk.clone(), ps256.clone(), ps256.clone()]),
        ("once per algorithm", vec![jwk.clone(), ps256.clone()]),
        ("under two names", vec![jwk.clone(), with(&ps256, json!({ "kid": "rsa_PS256" }))]),
        (
            "for encryption, too",
            vec![with(&jwk, json!({ "use": "enc", "alg": "RSA-OAEP" })), jwk.clone(), ps256],
        ),
    ] {
        let world = publishing(&issuer, &keys);
        let claims = world.issuer.claims().to_string();
        let ps256_kid = keys.last().unwrap()["kid"].clone();
        world.admits(case, &sign(rsa, json!({}), claims.as_bytes()));
        world.admits(case, &sign(rsa, json!({ "kid": null }), claims.as_bytes()));
        world.admits(case, &sign(&as_ps256, json!({ "kid": ps256_kid }), claims.as_bytes()));
        world.admits(case, &sign(&as_ps256, json!({ "kid": null }), claims.as_bytes()));
        let forged = sign(&stranger, json!({ "kid": ps256_kid }), claims.as_bytes());
        world.refuses(case, &forged, Reason::SignatureInvalid);
        assert!(!world.proxy.page("/keys").contains("duplicate_kid"), "{case}");
    }
}

#[test]
fn k15_keys_of_other_uses_and_algorithms_may_share_a_kid() {
    let issuer = Issuer::usual();
    let (ec, ed, rsa) =
        (renamed(issuer.key("ec"), "one"), renamed(issuer.key("ed"), "one"), issuer.key("rsa"));
    let encryption = with(&public(rsa), json!({ "kid": "one", "use": "enc", "alg": "RSA-OAEP" }));
    let world = publishing(&issuer, &[encryption, public(&ec), public(&ed)]);
    let claims = world.issuer.claims().to_string();
    world.admits("ES256", &sign(&ec, json!({}), claims.as_bytes()));
    world.admits("EdDSA", &sign(&ed, json!({}), claims.as_bytes()));
    let by_encryption_key = sign(rsa, json!({ "kid": "one" }), claims.as_bytes());
    world.refuses("the encryption key", &by_encryption_key, Reason::KeyUnsuitable);
}

#[test]
fn k06_a_key_whose_private_half_is_published_beside_it_is_not_used() {
    let issuer = Issuer::usual();
    let (ec, ed) = (issuer.key("ec"), issuer.key("ed"));
    let private_half = ec.private_jwk().to_text();
    for kid in ["ec", "old"] {
        let private_half: Value = serde_json::from_str(&private_half).unwrap();
        let private_half = with(&private_half, json!({ "kid": kid }));
        let world = publishing(&issuer, &[public(ec), public(ed), private_half]);
        let claims = world.issuer.claims().to_string();
        world.refuses(kid, &sign(ec, json!({}), claims.as_bytes()), Reason::KeyUnsuitable);
        world.admits(kid, &sign(ed, json!({}), claims.as_bytes()));
        assert!(world.proxy.page("/keys").contains("private_half_listed"), "{kid}");
    }
}

#[test]
fn k05_of_keys_without_a_kid_exactly_one_must_fit() {
    let issuer = Issuer::usual();
    let unnamed = |key| {
        let mut jwk = public(key);
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let other = issuer::key(Algorithm::Es256, "other");
    let (ec, ed) = (issuer.key("ec"), issuer.key("ed"));
    let claims = issuer.claims().to_string();
    let token = |key, kid: Value| {
        let mut header = json!({ "alg": "ES256" });
        if !kid.is_null() {
            header["kid"] = kid;
        }
        issuer::sign_text(key, header.to_string().as_bytes(), claims.as_bytes())
    };
    let world = publishing(&issuer, &[unnamed(ec), unnamed(ed)]);
    world.admits("one that fits", &token(ec, Value::Null));
    world.admits("under any name", &token(ec, json!("whatever")));
    world.refuses("another's", &token(&other, Value::Null), Reason::SignatureInvalid);

    let world = publishing(&issuer, &[unnamed(ec), unnamed(&other)]);
    world.refuses("two that fit", &token(ec, Value::Null), Reason::KeyAmbiguous);
    world.refuses("under any name", &token(ec, json!("whatever")), Reason::KeyAmbiguous);

    let world = publishing(&issuer, &[unnamed(ec), public(&other)]);
    world.refuses("beside a named one", &token(ec, json!("new")), Reason::KidUnknown);
    world.admits("the named one", &token(&other, json!("other")));
}

/// Keys that must not be used, and the code of the reason.
fn unsound(issuer: &Issuer) -> Vec<(Value, &'static str)> {
    let (ec, rsa, ed) =
        (public(issuer.key("ec")), public(issuer.key("rsa")), public(issuer.key("ed")));
    let n = base64url::decode(rsa["n"].as_str().unwrap().as_bytes()).unwrap();
    let text = |bytes: &[u8]| json!(base64url::encode(bytes));
    let even = {
        let mut n = n.clone();
        n[255] &= 0xfe;
        n
    };
    let oversized = [n.as_slice(), &n, &n].concat();
    let off_curve = {
        let mut y = base64url::decode(ec["y"].as_str().unwrap().as_bytes()).unwrap();
        y[31] ^= 1;
        y
    };
    let private = issuer::key(Algorithm::Es256, "private").private_jwk().to_text();
    vec![
        (with(&rsa, json!({ "n": text(&n[..128]) })), "rsa_too_small"),
        (with(&rsa, json!({ "n": text(&n[..255]) })), "rsa_too_small"),
        (with(&rsa, json!({ "n": text(&oversized) })), "rsa_too_large"),
        (with(&rsa, json!({ "n": text(&even) })), "rsa_modulus_weak"),
        (with(&rsa, json!({ "e": "AQ" })), "rsa_exponent"),
        (with(&rsa, json!({ "e": "BA" })), "rsa_exponent"),
        (with(&rsa, json!({ "e": text(&[0xff; 32]) })), "rsa_exponent"),
        (with(&rsa, json!({ "n": "" })), "member_malformed"),
        (with(&rsa, json!({ "n": 17 })), "member_malformed"),
        (with(&ec, json!({ "y": text(&off_curve) })), "point_invalid"),
        (with(&ec, json!({ "x": text(&[0; 32]), "y": text(&[0; 32]) })), "point_invalid"),
        (with(&ec, json!({ "x": text(&[0xff; 32]) })), "point_invalid"),
        (with(&ec, json!({ "x": text(&[1; 31]) })), "member_malformed"),
        (with(&ec, json!({ "crv": "P-384" })), "member_malformed"),
        (with(&ec, json!({ "crv": "secp256k1" })), "curve_unsupported"),
        (with(&ed, json!({ "x": text(&[0; 32]) })), "point_invalid"),
        (with(&ed, json!({ "x": text(&[1; 33]) })), "member_malformed"),
        (serde_json::from_str(&private).unwrap(), "private_key"),
        (json!({ "kty": "oct", "k": text(&[7; 32]), "alg": "HS256" }), "shared_secret"),
        (json!({ "kty": "XYZ" }), "key_type_unsupported"),
        (json!({}), "member_missing"),
        (with(&ec, json!({ "use": "enc" })), "use_not_sig"),
        (with(&ec, json!({ "key_ops": ["encrypt"] })), "key_ops_without_verify"),
        (with(&ec, json!({ "key_ops": [] })), "key_ops_without_verify"),
        (with(&ec, json!({ "key_ops": ["verify", "encrypt"] })), "key_ops_conflict"),
        (with(&ec, json!({ "alg": "ES256K" })), "alg_unsupported"),
        (with(&ec, json!({ "alg": "ES384" })), "alg_mismatch"),
        (with(&ec, json!({ "alg": "RS256" })), "alg_mismatch"),
    ]
}

#[test]
fn k06_k07_unsound_keys_are_left_out_one_by_one() {
    let issuer = Issuer::usual();
    let unsound = unsound(&issuer);
    let mut keys: Vec<Value> = unsound
        .iter()
        .enumerate()
        .map(|(n, (jwk, _))| with(jwk, json!({ "kid": format!("bad-{n}") })))
        .collect();
    keys.insert(3, json!("no object"));
    keys.push(public(issuer.key("ec")));
    let world = publishing(&issuer, &keys);
    let shown: Value = serde_json::from_str(&world.proxy.page("/keys")).unwrap();
    let code_of = |kid: &str| {
        let skipped = shown[0]["skipped"].as_array().unwrap();
        skipped.iter().find(|key| key["kid"] == kid).map(|key| key["code"].clone())
    };
    for (n, (jwk, code)) in unsound.iter().enumerate() {
        let kid = format!("bad-{n}");
        assert_eq!(code_of(&kid), Some(json!(code)), "{jwk}");
        for alg in ["ec", "rsa", "ed"].map(|kid| world.issuer.key(kid)) {
            let claims = world.issuer.claims().to_string();
            let token = sign(alg, json!({ "kid": kid }), claims.as_bytes());
            world.refuses(&kid, &token, Reason::KeyUnsuitable);
        }
        let series = format!("countersign_keys_skipped{{issuer=\"corp\",reason=\"{code}\"}}");
        assert!(world.proxy.metric(&series) > 0.0, "{series}");
    }
    assert_eq!(shown[0]["keys"].as_array().map(Vec::len), Some(1), "{shown}");
    world.admits("the sound one", &world.issuer.mint(json!({})));
    // What was published by mistake is not repeated by us.
    let d = unsound.iter().find_map(|(jwk, _)| jwk["d"].as_str()).unwrap();
    for place in [world.proxy.page("/keys"), world.proxy.logs(), world.proxy.metrics()] {
        assert!(!place.contains(d), "a private key is shown");
    }
}

#[test]
fn k06_larger_rsa_keys_are_a_decision_of_the_operator() {
    let issuer = Issuer::usual();
    let rsa = public(issuer.key("rsa"));
    let n = base64url::decode(rsa["n"].as_str().unwrap().as_bytes()).unwrap();
    // Odd, without a small factor is not needed: the size is looked at first.
    let larger = base64url::encode(&[n.as_slice(), &n, &n].concat());
    let keys = json!({ "keys": [with(&rsa, json!({ "n": larger })), public(issuer.key("ec"))] });
    let limit = |lines: &str| {
        let world = World::unready(issuer.clone(), "", lines, Page::json(&keys));
        world.proxy.wait_until_ready();
        world.proxy.page("/keys")
    };
    assert!(limit("").contains("rsa_too_large"), "6144 bits are more than 4096");
    assert!(!limit("max_rsa_bits = 8192").contains("rsa_too_large"));
}

/// .NET's serialisers write what a key does not have.
#[test]
fn c16_a_null_member_of_a_key_is_an_absent_one() {
    let issuer = Issuer::usual();
    let (ec, rsa) = (issuer.key("ec"), issuer.key("rsa"));
    let nulls = json!({
        "d": null, "p": null, "q": null, "dp": null, "dq": null, "qi": null, "k": null,
        "oth": null, "use": null, "key_ops": null, "x5c": null, "x5u": null,
    });
    let fresh = issuer::key(Algorithm::Es256, "published");
    let private: Value = serde_json::from_str(&fresh.private_jwk().to_text()).unwrap();
    let unbound = with(&public(issuer.key("ed")), json!({ "alg": null }));
    let keys = [with(&public(ec), nulls.clone()), with(&public(rsa), nulls), private, unbound];
    let world = publishing(&issuer, &keys);
    let claims = world.issuer.claims().to_string();
    for key in [ec, rsa] {
        world.admits(key.kid(), &sign(key, json!({}), claims.as_bytes()));
    }
    for (case, key) in [("a real private key", &fresh), ("alg: null", issuer.key("ed"))] {
        let token = sign(key, json!({}), claims.as_bytes());
        world.refuses(case, &token, Reason::KeyUnsuitable);
    }
}
