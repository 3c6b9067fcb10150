//! Answers that the issuer signs for its client (RFC 9701).

use countersign::{
    jose::{Algorithm, SigningKey},
    reason::Reason,
};
use serde_json::{Value, json};

use crate::{
    introspection::scene::{CLIENT, Scene, claims, opaque},
    support::{
        NOW,
        issuer::{key, sign},
        page::Page,
    },
};

const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// A signed answer, with changes to its header and claims.
fn answer(key: &SigningKey, header: Value, changes: Value) -> Page {
    let mut head = json!({ "typ": "token-introspection+jwt" });
    let mut members = claims(json!({}));
    members["active"] = json!(true);
    let mut payload = json!({
        "iss": "https://idp.test",
        "aud": CLIENT,
        "iat": NOW,
        "token_introspection": members,
    });
    for (target, changes) in [(&mut head, header), (&mut payload, changes)] {
        for (name, value) in changes.as_object().unwrap() {
            target[name] = value.clone();
        }
    }
    let text = sign(key, head, payload.to_string().as_bytes());
    Page::text(&text).field("content-type", MEDIA_TYPE)
}

#[test]
fn a_signed_answer_counts_as_the_issuers_word() {
    let scene = Scene::start("signed = true");
    let key = scene.world.issuer.key("ec");
    let token = opaque("alice");
    scene.endpoint.say(&token, answer(key, json!({}), json!({})));
    scene.admits("signed", &token);
    assert_eq!(scene.endpoint.last().head.field("accept"), Some(MEDIA_TYPE));
    let revoked = opaque("revoked");
    let inactive = json!({ "token_introspection": { "active": false } });
    scene.endpoint.say(&revoked, answer(key, json!({}), inactive));
    scene.refuses("inactive", &revoked, Reason::TokenInactive);
}

#[test]
fn i1_whatever_is_not_signed_by_the_issuer_for_us_and_now_decides_nothing() {
    let scene = Scene::start("signed = true");
    let good = scene.world.issuer.key("ec");
    let stranger = key(Algorithm::Es256, "ec");
    let other_kid = key(Algorithm::Es256, "unknown");
    let mut plain = claims(json!({}));
    plain["active"] = json!(true);
    let cases = [
        ("plain", Page::json(&plain)),
        (
            "plain under the media type",
            Page::text(&plain.to_string()).field("content-type", MEDIA_TYPE),
        ),
        ("by another key", answer(&stranger, json!({}), json!({}))),
        ("by an unknown key", answer(&other_kid, json!({}), json!({}))),
        ("an access token", answer(good, json!({ "typ": "at+jwt" }), json!({}))),
        ("for another client", answer(good, json!({}), json!({ "aud": "other" }))),
        ("from another issuer", answer(good, json!({}), json!({ "iss": "https://other.test" }))),
        ("old", answer(good, json!({}), json!({ "iat": NOW - 121 }))),
        ("from the future", answer(good, json!({}), json!({ "iat": NOW + 61 }))),
        ("without members", answer(good, json!({}), json!({ "token_introspection": null }))),
        (
            "active as a text",
            answer(good, json!({}), json!({ "token_introspection": { "active": "true" } })),
        ),
    ];
    for (n, (case, page)) in cases.into_iter().enumerate() {
        let token = opaque(&format!("case-{n}"));
        scene.endpoint.say(&token, page);
        assert_eq!(scene.reason(&token), "introspection_unavailable", "{case}");
        scene.endpoint.say(&token, answer(good, json!({}), json!({})));
        scene.admits(case, &token);
    }
}
