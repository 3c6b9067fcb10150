//! OCEN: Keycloak's tokens for the participants of a network.

use serde_json::{Value, json};

use crate::{
    scene::{Scene, header, rs256, serve_realm},
    support::{NOW, client::Request, issuer::Issuer, shipped::Shipped, wait_until},
};

const REALM: &str = "/realms/dev";

/// The network's authorization server and a participant's service; its own issuer of tokens.
fn start(change: impl FnOnce(Shipped) -> Shipped) -> (Scene, Issuer) {
    let usual = Issuer::usual();
    let mut named = None;
    let scene = Scene::start("ocen.toml", |shipped, key_server, endpoint| {
        serve_realm(key_server, REALM, &usual);
        named = Some(usual.named(&key_server.url(REALM)));
        let introspection = format!("{REALM}/protocol/openid-connect/token/introspect");
        change(shipped)
            .with(
                &format!("https://auth.ocen.network{introspection}"),
                &endpoint.url(&introspection),
            )
            .with("https://auth.ocen.network", &key_server.url(""))
    });
    (scene, named.unwrap())
}

/// A token as the network's Keycloak issues it to a participant.
fn token(issuer: &Issuer, changes: Value) -> String {
    let mut claims = json!({
        "aud": "account",
        "iat": NOW - 60,
        "exp": NOW + 86_000,
        "jti": "b7a1",
        "typ": "Bearer",
        "azp": "89ebf157-816e-47b3-b604-6a95ed1cb7e5",
        "participantId": "3051",
        "scope": "profile email",
        "realm_access": { "roles": ["offline_access", "uma_authorization"] },
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rs256(issuer, json!({ "typ": "JWT" }), claims)
}

#[test]
fn a_participants_token_passes_and_the_service_learns_who_it_is() {
    let (scene, issuer) = start(|shipped| shipped);
    let received = scene.admits("as issued", &token(&issuer, json!({})));
    assert_eq!(header(&received, "x-participant-id"), Some("3051"));
    assert_eq!(header(&received, "x-auth-client"), Some("89ebf157-816e-47b3-b604-6a95ed1cb7e5"));
    assert_eq!(header(&received, "x-auth-roles"), Some("offline_access,uma_authorization"));
    assert_eq!(header(&received, "authorization"), None);
}

#[test]
fn a_participant_id_is_a_number_or_a_text() {
    let (scene, issuer) = start(|shipped| shipped);
    for (written, read) in [
        (json!(1802), "1802"),
        (json!("6494d8d0-a0a7-4ead-89f2-88a5640a5548"), "6494d8d0-a0a7-4ead-89f2-88a5640a5548"),
    ] {
        let received = scene.admits("either", &token(&issuer, json!({ "participantId": written })));
        assert_eq!(header(&received, "x-participant-id"), Some(read));
    }
}

#[test]
fn t01_only_tokens_as_the_network_issues_them_pass() {
    let (scene, issuer) = start(|shipped| shipped);
    let es256 = issuer.mint(json!({ "participantId": "3051", "azp": "x", "iat": NOW - 60 }));
    for (case, token) in [
        ("without a participant", token(&issuer, json!({ "participantId": null }))),
        ("without a client", token(&issuer, json!({ "azp": null }))),
        ("expired", token(&issuer, json!({ "exp": NOW - 61 }))),
        ("for two days", token(&issuer, json!({ "exp": NOW + 2 * 86_400 }))),
        ("ended before it began", token(&issuer, json!({ "iat": NOW + 50, "exp": NOW + 40 }))),
        ("a refresh token", token(&issuer, json!({ "typ": "Refresh" }))),
        ("an ID token", token(&issuer, json!({ "typ": "ID" }))),
        ("of another realm", token(&issuer.named("https://other/realms/dev"), json!({}))),
        ("of another algorithm", es256),
    ] {
        let request = Request::get("/").bearer(&token);
        assert_acknowledged(&scene.refuses(case, &request, 401), "401");
    }
    let by_encryption_key =
        rs256(&issuer, json!({ "kid": "encryption" }), json!({ "participantId": "1", "azp": "x" }));
    scene.refuses("under the encryption key", &Request::get("/").bearer(&by_encryption_key), 401);
}

#[test]
fn refusals_are_acknowledgements_with_an_error() {
    let (scene, _) = start(|shipped| shipped);
    let answer = scene.refuses("no token", &Request::get("/"), 401);
    assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
    assert_acknowledged(&answer, "401");
}

#[track_caller]
fn assert_acknowledged(answer: &crate::support::client::Answer, error: &str) {
    assert_eq!(answer.field("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
    assert_eq!(body["error"], error);
    assert_eq!(body["traceId"].as_str().unwrap().len(), 36);
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(body.as_object().unwrap().len(), 3);
}

#[test]
fn keycloaks_introspection_refuses_a_revoked_token_from_the_next_request_on() {
    let (scene, issuer) = start(|shipped| shipped.with_table("[issuers.ocen.introspection]"));
    let token = token(&issuer, json!({}));
    scene.endpoint.activate(&token, &json!({ "iss": issuer.iss(), "client_id": "x" }));
    scene.admits("active", &token);
    scene.endpoint.wait_for(1);
    assert_eq!(
        scene.endpoint.last().path(),
        "/realms/dev/protocol/openid-connect/token/introspect"
    );
    scene.endpoint.revoke(&token);
    scene.proxy.advance(30);
    wait_until("the refusal", || !scene.proxy.get("/", Some(&token)).is_from_upstream());
    assert!(scene.refusals("ocen", "token_inactive") > 0);
}

#[test]
fn the_health_check_needs_no_token() {
    let (scene, _) = start(|shipped| shipped);
    scene.passes("public", &Request::get("/healthz"));
}
