//! T-13 to T-16: header parameters that ask for trust.

use countersign::{jose::Algorithm, reason::Reason};
use serde_json::{Value, json};

use crate::support::{
    issuer::{self, Issuer, public, sign},
    listening::Listening,
    world::World,
};

#[test]
fn t13_nothing_critical_is_understood() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    for crit in [
        json!(["unknown"]),
        json!([]),
        json!("exp"),
        json!(null),
        json!({}),
        json!(17),
        json!(true),
        json!(["exp"]),
        json!(["alg"]),
        json!(["kid", "kid"]),
        json!(["b64"]),
        json!(["absent"]),
        json!([""]),
        json!([17]),
    ] {
        let header = json!({
            "alg": "ES256", "kid": "ec", "crit": crit, "unknown": true, "exp": 1, "b64": true,
        });
        let token = world.issuer.sign_text(header.to_string().as_bytes(), payload.as_bytes());
        world.refuses(&header.to_string(), &token, Reason::CriticalUnknown);
    }
}

#[test]
fn t14_an_unencoded_payload_is_no_token() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    for (header, reason) in [
        (r#"{"alg":"ES256","kid":"ec","b64":false}"#, Reason::HeaderMalformed),
        (r#"{"alg":"ES256","kid":"ec","b64":"false"}"#, Reason::HeaderMalformed),
        (r#"{"alg":"ES256","kid":"ec","b64":null}"#, Reason::HeaderMalformed),
        (r#"{"alg":"ES256","kid":"ec","b64":0}"#, Reason::HeaderMalformed),
        (r#"{"alg":"ES256","kid":"ec","b64":false,"crit":["b64"]}"#, Reason::HeaderMalformed),
        (r#"{"alg":"ES256","kid":"ec","crit":["b64"],"b64":false}"#, Reason::CriticalUnknown),
    ] {
        let token = world.issuer.sign_text(header.as_bytes(), payload.as_bytes());
        world.refuses(header, &token, reason);
    }
    world.admits(
        "b64: true says what holds anyway",
        &world.issuer.sign(json!({ "b64": true }), &payload),
    );
}

/// Every header parameter that leads to a key, all of them to the attacker's.
fn attackers_directions(key: &countersign::jose::SigningKey, canary: &Listening) -> Value {
    let url = format!("http://{}/jwks", canary.address());
    json!({
        "jku": url,
        "x5u": url,
        "jwk": public(key),
        "x5c": ["MIIBszCCAVqgAwIBAgIUFake"],
        "x5t": "dGh1bWJwcmludA",
        "x5t#S256": "dGh1bWJwcmludA",
    })
}

#[test]
fn t15_keys_that_a_token_brings_along_are_not_looked_at() {
    let (world, canary) = (World::start(), Listening::canary());
    let payload = world.issuer.claims().to_string();
    let fetches = world.key_server.count();
    let attacker = issuer::key(Algorithm::Es256, "attacker");
    let directions = attackers_directions(&attacker, &canary);
    let with = |name: &str, value: Value| {
        let mut header = directions.clone();
        header[name] = value;
        header
    };
    let forged = sign(&attacker, with("kid", "ec".into()), payload.as_bytes());
    world.refuses("the issuer's kid", &forged, Reason::SignatureInvalid);
    let forged = sign(&attacker, directions.clone(), payload.as_bytes());
    world.refuses("the attacker's kid", &forged, Reason::KidUnknown);
    for (name, value) in directions.as_object().unwrap() {
        let header = json!({ "kid": "ec", name: value });
        let forged = sign(&attacker, header, payload.as_bytes());
        world.refuses(name, &forged, Reason::SignatureInvalid);
    }
    // In an honest token they are noise.
    world.admits("honest", &world.issuer.sign(directions, &payload));
    assert_eq!(canary.accepted(), 0, "the proxy followed a URL out of a token");
    assert_eq!(world.key_server.count(), fetches, "INV-5: within the cooldown no server is asked");
}

#[test]
fn c16_a_null_header_member_is_an_absent_one_but_where_it_decides_how_to_verify() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    let token =
        |header: Value| world.issuer.sign_text(header.to_string().as_bytes(), payload.as_bytes());
    let nulls = json!({
        "alg": "ES256", "kid": null, "typ": null, "cty": null, "zip": null, "enc": null,
        "jku": null, "jwk": null, "x5c": null,
    });
    world.admits("nulls", &token(nulls));
    for (header, reason) in [
        (json!({ "alg": null, "kid": "ec" }), Reason::AlgorithmUnsupported),
        (json!({ "alg": "ES256", "kid": "ec", "crit": null }), Reason::CriticalUnknown),
        (json!({ "alg": "ES256", "kid": "ec", "b64": null }), Reason::HeaderMalformed),
    ] {
        world.refuses(&header.to_string(), &token(header.clone()), reason);
    }
}

#[test]
fn t16_a_kid_is_a_short_text_and_nothing_else() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    for kid in [
        json!(""),
        json!(17),
        json!(true),
        json!({}),
        json!(["ec"]),
        json!("k".repeat(257)),
        json!("é".repeat(129)),
    ] {
        let header = json!({ "alg": "ES256", "kid": kid });
        let token = world.issuer.sign_text(header.to_string().as_bytes(), payload.as_bytes());
        world.refuses(&header.to_string(), &token, Reason::HeaderMalformed);
    }
    let huge = world.issuer.sign(json!({ "kid": "k".repeat(20_000) }), &payload);
    world.refuses("20,000 bytes", &huge, Reason::TokenTooLarge);
}

#[test]
fn t16_a_hostile_kid_is_unknown_and_goes_nowhere() {
    let (world, canary) = (World::start(), Listening::canary());
    let payload = world.issuer.claims().to_string();
    let fetches = world.key_server.count();
    let url = format!("http://{}/key", canary.address());
    for kid in [
        "EC",
        "ec ",
        " ec",
        "ec\0",
        "e",
        "ecc",
        "../../../dev/null",
        "/proc/self/environ",
        "' OR 1=1 --",
        "$(id)",
        "%n%n%n",
        "${jndi:ldap://127.0.0.1/x}",
        "\r\nlevel=ERROR injected-line",
        "\u{1b}[31mred",
        "\u{202e}reversed",
        &url,
        &"k".repeat(256),
    ] {
        let token = world.issuer.sign(json!({ "kid": kid }), &payload);
        world.refuses(kid, &token, Reason::KidUnknown);
    }
    assert_eq!(canary.accepted(), 0, "the proxy followed a kid");
    assert_eq!(world.key_server.count(), fetches, "INV-5: within the cooldown no server is asked");
    for place in [world.proxy.logs(), world.proxy.metrics(), world.proxy.page("/keys")] {
        assert!(
            !place.contains("\nlevel=ERROR injected-line"),
            "a line of the attacker's: {place}"
        );
        assert!(!place.contains('\u{1b}'), "an escape sequence: {place}");
    }
    assert!(!world.proxy.metrics().contains("kkkk"), "a kid is no metric label");
}

#[test]
fn t16_without_a_kid_exactly_one_key_must_fit() {
    let world = World::start();
    let payload = world.issuer.claims().to_string();
    for kid in ["ec", "rsa", "ed"] {
        let key = world.issuer.key(kid);
        let header = json!({ "alg": key.algorithm().name() }).to_string();
        let token = issuer::sign_text(key, header.as_bytes(), payload.as_bytes());
        world.admits(kid, &token);
    }

    let two = Issuer::new("https://idp.test", &[Algorithm::Es256, Algorithm::Es256]);
    let world = World::of(two, "", "");
    let token = world.issuer.sign_text(br#"{"alg":"ES256"}"#, payload.as_bytes());
    world.refuses("two keys", &token, Reason::KeyAmbiguous);
    world.admits("named", &world.issuer.sign(json!({}), &payload));
}
