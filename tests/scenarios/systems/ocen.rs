//! OCEN: Keycloak's tokens for the participants of a network.

use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::Request,
        detached_vectors::{
            A_RFC7797, B_WITHOUT_CRIT, BODY, C_DETACHED, D_TWO_PART, E_PATH, E_PATH_SIGNATURE,
            PARTICIPANT_JWK,
        },
        issuer::Issuer,
        key_server::Page,
        shipped::Shipped,
        wait_until,
    },
    systems::scene::{Scene, header, rs256, serve_realm},
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
            .with("https://dev.ocen.network/service", &key_server.url("/service"))
            .with(
                &format!("https://auth.ocen.network{introspection}"),
                &endpoint.url(&introspection),
            )
            .with("https://auth.ocen.network", &key_server.url(""))
    });
    (scene, named.unwrap())
}

/// Without the signature, where the token alone is in question.
fn unsigned(shipped: Shipped) -> Shipped {
    shipped.with("signature = \"ocen\"", "")
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
    let (scene, issuer) = start(unsigned);
    let received = scene.admits("as issued", &token(&issuer, json!({})));
    assert_eq!(header(&received, "x-participant-id"), Some("3051"));
    assert_eq!(header(&received, "x-auth-client"), Some("89ebf157-816e-47b3-b604-6a95ed1cb7e5"));
    assert_eq!(header(&received, "x-auth-roles"), Some("offline_access,uma_authorization"));
    assert_eq!(header(&received, "authorization"), None);
}

#[test]
fn a_participant_id_is_a_number_or_a_text() {
    let (scene, issuer) = start(unsigned);
    for (written, read) in [
        (json!(1802), "1802"),
        (json!("6494d8d0-a0a7-4ead-89f2-88a5640a5548"), "6494d8d0-a0a7-4ead-89f2-88a5640a5548"),
    ] {
        let received = scene.admits("either", &token(&issuer, json!({ "participantId": written })));
        assert_eq!(header(&received, "x-participant-id"), Some(read));
    }
}

#[test]
fn t19_only_tokens_as_the_network_issues_them_pass() {
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
    let (scene, issuer) =
        start(|shipped| unsigned(shipped.with_table("[issuers.ocen.introspection]")));
    let token = token(&issuer, json!({}));
    scene.endpoint.activate(&token, &json!({ "iss": issuer.iss(), "client_id": "x" }));
    scene.admits("active", &token);
    scene.endpoint.wait_for(1);
    // A question that is under way when the next is due stands for both.
    let answered = "countersign_introspections_total{issuer=\"ocen\",outcome=\"active\"}";
    wait_until("the answer", || scene.proxy.metric(answered) > 0.5);
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

/// The network's registry knows the participant 3051, by the key of the published vectors.
fn register(scene: &Scene, changes: Value) {
    let mut entry = json!({
        "id": "3051",
        "participantRole": "LOAN_AGENT",
        "kcClientId": "89ebf157-816e-47b3-b604-6a95ed1cb7e5",
        "kcClientSecret": "s3cret-of-the-participant",
        "publicKey": PARTICIPANT_JWK,
        "isApproved": true,
        "participantRoleStatus": "APPROVED",
        "baseUrl": "https://la.example",
    });
    entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let grant = json!({ "access_token": "ours", "token_type": "Bearer", "expires_in": 86_400 });
    let token_url = format!("{REALM}/protocol/openid-connect/token");
    scene.key_server.serve(&token_url, Page::json(&grant));
    scene.key_server.serve("/service/participant-roles/3051", Page::json(&entry));
}

fn post(issuer: &Issuer, header: &str, signature: &str) -> Request {
    Request::new("POST", "/v4.0.0alpha/loanApplications/createLoanRequest")
        .bearer(&token(issuer, json!({})))
        .field(header, signature)
        .body(BODY.as_bytes())
}

#[test]
fn a_participants_signed_request_passes_in_either_header_with_or_without_crit() {
    let (scene, issuer) = start(|shipped| shipped);
    register(&scene, json!({}));
    for header_name in ["x-jws-signature", "Signature"] {
        for signature in [A_RFC7797, B_WITHOUT_CRIT] {
            let received = scene.passes(header_name, &post(&issuer, header_name, signature));
            assert_eq!(received.body.bytes, BODY.as_bytes());
            assert_eq!(header(&received, "x-signature-signer"), Some("3051"));
        }
    }
    let get = Request::get(&format!("/v4.0.0alpha{E_PATH}")).bearer(&token(&issuer, json!({})));
    scene.passes("by its path", &get.field("x-jws-signature", E_PATH_SIGNATURE));
    let asked = scene.key_server.asked();
    let asked = asked.iter().filter(|head| head.start.contains("/participant-roles/"));
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked.len(), 1, "the participant is asked about once");
    assert_eq!(asked[0].field("authorization"), Some("Bearer ours"));
}

#[test]
fn s5_s7_everything_else_is_refused_with_an_acknowledgement() {
    let (scene, issuer) = start(|shipped| shipped);
    register(&scene, json!({}));
    let good = post(&issuer, "x-jws-signature", A_RFC7797);
    scene.passes("as signed", &good);
    let unsigned = Request::new("POST", "/v4.0.0alpha/a").bearer(&token(&issuer, json!({})));
    let another = token(&issuer, json!({ "azp": "another-client" }));
    let of_another = Request::new("POST", "/v4.0.0alpha/a").bearer(&another);
    for (case, request, status, reason) in [
        ("unsigned", unsigned.clone().body(b"{}"), 401, "signature_missing"),
        ("two", good.field("signature", A_RFC7797), 401, "signature_malformed"),
        ("detached", post(&issuer, "signature", C_DETACHED), 401, "signature_dialect_not_allowed"),
        ("two parts", post(&issuer, "signature", D_TWO_PART), 401, "signature_dialect_not_allowed"),
        (
            "another body",
            unsigned.field("signature", A_RFC7797).body(b"{}"),
            401,
            "signature_invalid",
        ),
        (
            "another client's token",
            of_another.field("signature", A_RFC7797).body(BODY.as_bytes()),
            401,
            "signer_mismatch",
        ),
    ] {
        let answer = scene.refuses(case, &request, status);
        assert_acknowledged(&answer, &status.to_string());
        assert_eq!(answer.field("www-authenticate"), Some("Signature"), "{case}");
        assert!(scene.refusals("", reason) > 0, "{case}: {reason}");
    }
    scene.key_server.serve("/service/participant-roles/3052", Page::status(404));
    let unknown = token(&issuer, json!({ "participantId": "3052" }));
    let unknown = Request::new("POST", "/v4.0.0alpha/a").bearer(&unknown);
    let unknown = unknown.field("signature", A_RFC7797).body(BODY.as_bytes());
    assert_acknowledged(&scene.refuses("an unknown signer", &unknown, 401), "401");
}

#[test]
fn a_participant_in_review_signs_nothing_and_its_secret_is_not_kept() {
    let (scene, issuer) = start(|shipped| shipped);
    register(&scene, json!({ "participantRoleStatus": "UNDER_REVIEW" }));
    let answer = scene.refuses("in review", &post(&issuer, "signature", A_RFC7797), 403);
    assert_acknowledged(&answer, "403");
    assert!(!scene.proxy.logs().contains("s3cret-of-the-participant"));
}

#[test]
fn answers_are_signed_where_that_is_asked_for() {
    let (scene, issuer) = start(|shipped| shipped.with_table("[signatures.ocen.respond]"));
    register(&scene, json!({}));
    let answer = scene.proxy.exchange(&post(&issuer, "x-jws-signature", B_WITHOUT_CRIT));
    assert!(answer.is_from_upstream());
    let signature = answer.field("x-jws-signature").unwrap();
    let jws = countersign::jose::DetachedJws::parse(signature, &[]).unwrap();
    assert_eq!(jws.dialect(), countersign::jose::Dialect::B64FalseWithoutCrit);
}
