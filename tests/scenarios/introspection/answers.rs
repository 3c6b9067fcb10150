//! I-1, I-2 and I-11: what counts as an answer, and what of it.

use std::time::Duration;

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    introspection::scene::{Scene, claims, opaque},
    support::{listening::Listening, page::Page},
};

/// Refused with 503, and nothing of it is remembered: once the endpoint says *active*, the token
/// passes. An endpoint that answers is not left alone, so no case suffers from the one before.
#[track_caller]
fn assert_undecided(scene: &Scene, case: usize, page: Page) {
    let name = format!("undecided-{case}");
    let token = opaque(&name);
    scene.endpoint.say(&token, page);
    scene.refuses(&name, &token, Reason::IntrospectionUnavailable);
    scene.endpoint.activate(&token, &claims(json!({})));
    scene.admits(&name, &token);
}

#[test]
fn i1_only_a_boolean_true_in_a_json_object_is_active() {
    let scene = Scene::start("");
    let bodies = [
        r#"{"active":"true","sub":"alice","aud":"https://api.test"}"#,
        r#"{"active":1,"sub":"alice","aud":"https://api.test"}"#,
        r#"{"active":null,"sub":"alice","aud":"https://api.test"}"#,
        r#"{"active":[true]}"#,
        r#"{"active":{"value":true}}"#,
        r#"{"Active":true,"sub":"alice","aud":"https://api.test"}"#,
        r#"{"sub":"alice","aud":"https://api.test","exp":9999999999}"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":false,"\u0061ctive":true}"#,
        r#"{"error":"invalid_request"}"#,
        r#"{"data":{"active":true}}"#,
        r#"[{"active":true}]"#,
        r#"{"active":true"#,
        r#"{"active":true} {}"#,
        "{}",
        "true",
        "\"active\"",
        "active=true",
        "",
        "<html><body>{\"active\":true}</body></html>",
    ];
    for (case, body) in bodies.iter().enumerate() {
        let page = Page::text(body).field("content-type", "application/json");
        assert_undecided(&scene, case, page);
    }
    assert_eq!(scene.outcomes("malformed"), 2 * bodies.len(), "cold and warm");
}

#[test]
fn i2_inactive_is_inactive_whatever_else_is_said() {
    let scene = Scene::start("");
    let token = opaque("inactive");
    let mut said = claims(json!({}));
    said["active"] = json!(false);
    scene.endpoint.say(&token, Page::json(&said));
    scene.refuses("inactive with claims", &token, Reason::TokenInactive);
    assert_eq!(scene.endpoint.count_of(&token), 1, "a definite no is remembered");
}

#[test]
fn i11_another_status_decides_nothing_whatever_the_body() {
    let scene = Scene::start("");
    for (case, status) in [201, 202, 203, 204, 206, 400, 404, 405, 410].into_iter().enumerate() {
        for active in [true, false] {
            let mut said = claims(json!({}));
            said["active"] = json!(active);
            let body = if status == 204 { Page::status(204) } else { Page::json(&said) };
            assert_undecided(&scene, 2 * case + usize::from(active), body.with_status(status));
        }
    }
}

#[test]
fn i11_a_server_error_is_asked_about_once_more_and_no_oftener() {
    let scene = Scene::start("");
    for status in [500, 502, 503] {
        let token = scene.active(&format!("status-{status}"), json!({}));
        scene.endpoint.say(&token, Page::json(&claims(json!({}))).with_status(status));
        assert_eq!(scene.reason(&token), "introspection_unavailable");
        assert_eq!(scene.endpoint.count_of(&token), 2, "one retry");
    }
    let asked_to_wait = opaque("status-429");
    scene.endpoint.say(&asked_to_wait, Page::status(429).field("retry-after", "7"));
    assert_eq!(scene.reason(&asked_to_wait), "introspection_unavailable");
    assert_eq!(scene.endpoint.count_of(&asked_to_wait), 1, "who is overloaded is not asked again");
}

#[test]
fn i11_k4_a_redirect_is_not_followed_and_its_target_does_not_learn_the_token() {
    let canary = Listening::canary();
    let scene = Scene::start("");
    for (case, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let there = format!("http://{}/introspect", canary.address());
        assert_undecided(&scene, case, Page::status(status).field("location", &there));
        let here = scene.endpoint.url("/elsewhere");
        assert_undecided(&scene, 10 + case, Page::status(status).field("location", &here));
    }
    assert_eq!(canary.accepted(), 0);
    assert!(scene.endpoint.visits("/elsewhere").is_empty());
    assert_eq!(scene.outcomes("redirect"), 20, "ten cases, cold and warm");
}

#[test]
fn i11_k1_an_answer_is_bounded_whatever_it_announces() {
    let scene = Scene::start("max_bytes = \"4KiB\"");
    let huge = Page::json(&json!({ "active": true, "padding": "x".repeat(8_000) }));
    assert_undecided(&scene, 1, huge);
    assert_undecided(&scene, 2, Page::endless());
    let compressed = Page::json(&claims(json!({}))).field("content-encoding", "gzip");
    assert_undecided(&scene, 3, compressed);
    assert_eq!(scene.outcomes("too_large"), 4);
    assert_eq!(scene.outcomes("encoded"), 2);
}

#[test]
fn i11_k2_an_endpoint_that_hangs_or_drips_holds_no_request_beyond_the_deadline() {
    let scene = Scene::start("timeout = \"200ms\"");
    let active = || Page::json(&json!({ "active": true, "aud": "https://api.test" }));
    for (name, page) in [
        ("silent", Page::silence()),
        ("late", active().late(Duration::from_secs(2))),
        ("dripping", active().dripping(Duration::from_millis(20))),
    ] {
        let token = opaque(name);
        scene.endpoint.say(&token, page);
        assert_eq!(scene.reason(&token), "introspection_unavailable", "{name}");
        assert_eq!(scene.endpoint.count_of(&token), 1, "{name}: no time is left for a retry");
    }
    assert_eq!(scene.outcomes("timeout"), 3);
    let other = scene.active("other", json!({}));
    scene.admits("the next token", &other);
}

#[test]
fn i11_a_connection_that_breaks_is_tried_once_more() {
    let scene = Scene::start("");
    let token = opaque("broken");
    scene.endpoint.say(&token, Page::hang_up());
    assert_eq!(scene.reason(&token), "introspection_unavailable");
    assert_eq!(scene.endpoint.count_of(&token), 2);
    assert_eq!(scene.outcomes("interrupted"), 1);
}

#[test]
fn questions_share_connections() {
    let scene = Scene::start("");
    for n in 0..20 {
        let token = scene.active(&format!("token-{n}"), json!({}));
        assert!(scene.passes(&token));
    }
    assert_eq!(scene.endpoint.count(), 20);
    assert!(scene.endpoint.connections() <= 2, "{} connections", scene.endpoint.connections());
}
