//! Answers of a provider that must not become a header.

use countersign::reason::Reason;
use serde_json::json;

use crate::{
    support::key_server::Page,
    upstream_credentials::scene::{CLIENT, Scene, granted, issue},
};

fn refused(scene: &Scene, case: &str, page: Page) {
    scene.endpoint.answer_by(move |_| page.clone());
    scene.refuses(case, &scene.caller(case), Reason::UpstreamCredentialUnavailable);
}

#[test]
fn g4_no_answer_can_add_a_header_or_a_second_credential() {
    let scene = Scene::exchange("max_token_bytes = 256");
    for token in [
        "",
        "a b",
        "a\r\nx-auth-subject: admin",
        "a\nb",
        "a\0b",
        "a, Basic YWRtaW46YWRtaW4=",
        "a,b",
        "a\",b=\"c",
        "caf\u{e9}",
        &"a".repeat(257),
    ] {
        refused(&scene, token, granted(token, json!({})));
    }
    scene.endpoint.answer_by(issue);
    scene.authorization(&scene.caller("alice"));
}

#[test]
fn g4_only_a_bearer_token_of_the_requested_type_that_still_lives_is_taken() {
    let scene = Scene::exchange("");
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    for (case, changes) in [
        ("DPoP", json!({ "token_type": "DPoP" })),
        ("N_A", json!({ "token_type": "N_A" })),
        ("no token_type", json!({ "token_type": null })),
        ("no issued_token_type", json!({ "issued_token_type": null })),
        ("another issued_token_type", json!({ "issued_token_type": jwt })),
        ("a number", json!({ "access_token": 7 })),
        ("no token", json!({ "access_token": null })),
        ("expired", json!({ "expires_in": 0 })),
        ("expired long ago", json!({ "expires_in": -60 })),
        ("a lifetime in words", json!({ "expires_in": "100" })),
    ] {
        refused(&scene, case, granted("token", changes));
    }
    for (case, page) in [
        ("no JSON", Page::text("access_token=token&token_type=Bearer")),
        ("twice", Page::text("{\"access_token\":\"a\",\"access_token\":\"b\"}")),
        ("a list", Page::text("[]")),
        ("201", granted("token", json!({})).with_status(201)),
        ("a redirect", Page::status(302).field("location", "https://elsewhere.test/")),
    ] {
        refused(&scene, case, page);
    }
    scene.endpoint.answer_by(|_| granted("token", json!({ "token_type": "bearer" })));
    assert_eq!(scene.authorization(&scene.caller("alice")), "Bearer token");
}

#[test]
fn a_jwt_that_is_no_access_token_goes_into_a_header_of_its_own() {
    let scene = Scene::exchange("requested_token_type = \"jwt\"\nheader = \"x-user-token\"");
    scene.endpoint.answer_by(|question| {
        let jwt = "urn:ietf:params:oauth:token-type:jwt";
        assert_eq!(question.parameter("requested_token_type"), Some(jwt));
        granted("a.jwt.token", json!({ "token_type": "N_A", "issued_token_type": jwt }))
    });
    let request = crate::support::client::Request::get("/")
        .bearer(&scene.caller("alice"))
        .field("x-user-token", "forged-by-the-client")
        .field("x_user_token", "forged-by-the-client");
    let received = scene.received(&request);
    let values: Vec<_> = received.head.all("x-user-token").collect();
    assert_eq!(values, ["a.jwt.token"]);
    assert_eq!(received.head.field("x_user_token"), None);
    assert_eq!(received.head.field("authorization"), None);
}

#[test]
fn an_answer_without_end_and_one_that_is_too_large_cost_what_they_may() {
    for page in [Page::endless(), Page::text(&" ".repeat(3_000)), Page::silence()] {
        let scene =
            Scene::start(&format!("{CLIENT}timeout = \"300ms\"\nmax_bytes = 2048"), |setup| setup);
        refused(&scene, "too much", page);
    }
}
