//! Tokens of the proxy's own (RFC 6749 §4.4), by every way of client authentication.

use std::fs;

use countersign::jose::{Algorithm, base64url};
use serde_json::Value;

use crate::{
    support::{client::Request, issuer::key, wait_until},
    upstream_credentials::scene::{CLIENT, LIFE, ROUTES, Scene, denied, issue},
};

#[test]
fn every_request_carries_the_proxys_own_token() {
    let scene = Scene::start(&format!("{CLIENT}scopes = [\"orders\"]"), |setup| {
        setup.routes(&ROUTES.replace("public\"\n", "public\"\nupstream_credential = \"orders\"\n"))
    });
    let first = scene.authorization(&scene.caller("alice"));
    assert!(first.contains(".gateway.none.orders.none"), "{first}");
    assert_eq!(scene.authorization(&scene.caller("bob")), first);
    let public = scene.received(&Request::get("/public/a").bearer("whatever"));
    assert_eq!(public.head.field("authorization"), Some(&*first));
    assert_eq!(public.head.all("authorization").count(), 1);
    assert_eq!(scene.requests(), 1);
    assert_eq!(scene.last().names(), ["grant_type", "scope"]);
    assert_eq!(scene.last().parameter("grant_type"), Some("client_credentials"));
}

#[test]
fn it_is_renewed_before_it_ends_beside_the_requests() {
    let scene = Scene::start(CLIENT, |setup| setup);
    let token = scene.caller("alice");
    let first = scene.authorization(&token);
    scene.world.proxy.advance(LIFE * 4 / 5);
    scene.endpoint.hold();
    assert_eq!(scene.authorization(&token), first, "no request waits for the next one");
    scene.wait_for_requests(2);
    assert_eq!(scene.authorization(&token), first);
    scene.endpoint.release();
    wait_until("the next token", || scene.authorization(&token) != first);
    assert_eq!(scene.requests(), 2);
}

#[test]
fn the_secret_may_be_in_the_form() {
    let lines = "auth = \"client_secret_post\"\nclient_id = \"gateway\"\n\
                 client_secret_file = \"FILES/secret\"\n";
    let scene = Scene::start(&format!("{CLIENT}{lines}"), |setup| setup);
    scene.authorization(&scene.caller("alice"));
    assert_eq!(scene.last().names(), ["grant_type", "client_id", "client_secret"]);
    assert_eq!(scene.last().parameter("client_secret"), Some(super::scene::SECRET));
}

#[test]
fn a_private_key_may_sign_who_the_proxy_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.jwk");
    fs::write(&file, key(Algorithm::Es256, "gateway").private_jwk().to_text()).unwrap();
    let lines = format!(
        "auth = \"private_key_jwt\"\nclient_id = \"gateway\"\nprivate_key_file = \"{}\"\n",
        file.display()
    );
    let scene = Scene::start(&format!("{CLIENT}{lines}"), |setup| setup);
    scene.authorization(&scene.caller("alice"));
    let question = scene.last();
    let assertion = question.parameter("client_assertion").unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&base64url::decode(claims.as_bytes()).unwrap()).unwrap();
    assert_eq!(claims["sub"], "gateway");
    assert_eq!(claims["aud"], scene.endpoint.url(super::scene::PATH));
}

#[test]
fn what_the_provider_says_of_this_proxy_is_no_callers_fault() {
    for error in ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant"] {
        let scene = Scene::start(CLIENT, |setup| setup);
        scene.endpoint.answer_by(move |_| denied(400, error));
        let reason = countersign::reason::Reason::UpstreamCredentialUnavailable;
        let answer = scene.refuses(error, &scene.caller("alice"), reason);
        let text = String::from_utf8(answer.body.bytes).unwrap();
        assert!(!text.contains("words of the provider") && !text.contains(error), "{text}");
        scene.endpoint.answer_by(issue);
        scene.authorization(&scene.caller("alice"));
    }
}
