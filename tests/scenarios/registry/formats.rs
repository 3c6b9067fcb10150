//! The ways in which registries write keys.

use std::{fmt::Write as _, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::{
    jose::{Algorithm, SigningKey, base64url},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::{
    registry::scene::{AT_PUBLIC_KEY, Scene},
    support::{
        issuer::{key, public},
        key_server::Page,
    },
};

fn pem(key: &SigningKey) -> String {
    key.public_pem().unwrap()
}

fn der(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

/// A self-signed certificate over the key.
fn certificate(key: &Arc<SigningKey>) -> String {
    let pair = rcgen::KeyPair::from_pem(&key.private_pem().unwrap()).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["partner.test".to_owned()]).unwrap();
    parameters.self_signed(&pair).unwrap().pem()
}

#[test]
fn a_key_is_read_however_it_is_written() {
    let ec = key(Algorithm::Es256, "ec");
    let rsa = key(Algorithm::Rs256, "rsa");
    let jwk = public(&rsa).to_string();
    // As mkjwk.org shows it, and as OCEN's reference code takes it: broken anywhere.
    let spaced = jwk.replace(',', ",\n    ").replace('{', "{\n  ");
    let broken = format!("{}\n{}", &jwk[..200], &jwk[200..]);
    let jwks = json!({ "keys": [public(&ec), public(&rsa)] });
    let scene = Scene::start(AT_PUBLIC_KEY);
    for (case, written, signer) in [
        ("a JWK", public(&rsa), &rsa),
        ("a JWK as text", Value::from(jwk), &rsa),
        ("with white space", Value::from(spaced), &rsa),
        ("with white space inside of the modulus", Value::from(broken), &rsa),
        ("a JWKS", jwks.clone(), &ec),
        ("a JWKS as text", Value::from(jwks.to_string()), &rsa),
        ("PEM", Value::from(pem(&rsa)), &rsa),
        ("SPKI in base64", Value::from(der(&pem(&ec))), &ec),
        ("a certificate", Value::from(certificate(&ec)), &ec),
        ("a certificate in base64", Value::from(der(&certificate(&ec))), &ec),
    ] {
        let name = base64url::encode(case.as_bytes());
        scene.say(&name, &json!({ "publicKey": written }));
        scene.admits(case, &scene.request(&name, signer));
    }
}

#[test]
fn bare_keys_are_read_where_the_format_says_so() {
    let (ed, ec) = (key(Algorithm::EdDsa, "ed"), key(Algorithm::Es256, "ec"));
    let bytes = |key: &Arc<SigningKey>, member: &str| {
        base64url::decode(public(key)[member].as_str().unwrap().as_bytes()).unwrap()
    };
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    let scene = Scene::start("pointer = \"/key\"\nformat = \"ed25519\"");
    let raw = bytes(&ed, "x");
    for (name, text) in
        [("base64", BASE64_STANDARD.encode(&raw)), ("base64url", base64url::encode(&raw))]
    {
        scene.say(name, &json!({ "key": text }));
        scene.admits(name, &scene.request(name, &ed));
    }
    let scene = Scene::start("pointer = \"/key\"\nformat = \"hex\"");
    scene.say("ed", &json!({ "key": hex(&raw) }));
    scene.admits("Ed25519", &scene.request("ed", &ed));
    scene.say("ec", &json!({ "key": hex(&[bytes(&ec, "x"), bytes(&ec, "y")].concat()) }));
    scene.admits("P-256", &scene.request("ec", &ec));
}

#[test]
fn the_document_itself_may_be_the_key() {
    let (ec, rsa) = (key(Algorithm::Es256, "ec"), key(Algorithm::Rs256, "rsa"));
    let scene = Scene::start("");
    scene.say("jwk", &public(&ec));
    scene.admits("a JWK", &scene.request("jwk", &ec));
    scene.say("jwks", &json!({ "keys": [public(&ec)] }));
    scene.admits("a JWKS", &scene.request("jwks", &ec));
    scene.registry.serve("/roles/pem", Page::text(&pem(&rsa)));
    scene.admits("PEM", &scene.request("pem", &rsa));
}

#[test]
fn k6_what_is_no_public_key_for_signatures_is_none() {
    let rsa = key(Algorithm::Rs256, "rsa");
    let mut private: Value = serde_json::from_str(&rsa.private_jwk().to_text()).unwrap();
    let mut encryption = public(&rsa);
    encryption["use"] = json!("enc");
    let scene = Scene::start(AT_PUBLIC_KEY);
    for (case, written) in [
        ("a private key", private.take()),
        ("an encryption key", encryption),
        ("a shared secret", json!({ "kty": "oct", "k": "AAAA" })),
        ("a number", json!(7)),
        ("null", json!(null)),
        ("empty", json!("")),
        ("no key at all", json!("none yet")),
        ("an empty set", json!({ "keys": [] })),
    ] {
        let name = base64url::encode(case.as_bytes());
        scene.say(&name, &json!({ "publicKey": written }));
        scene.refuses(case, &scene.request(&name, &rsa), Reason::SignerUnknown);
    }
    scene.say("empty", &json!({}));
    scene.refuses("no such member", &scene.request("empty", &rsa), Reason::SignerUnknown);
}
