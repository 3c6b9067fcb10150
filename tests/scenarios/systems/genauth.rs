//! GenAuth: one application's tokens, verified and asked about.

use countersign::jose::Algorithm;
use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::{Answer, Request},
        issuer::{Issuer, key, sign, sign_hmac},
        key_server::{KeyServer, Page},
        shipped::{SECRET, Shipped},
    },
    systems::scene::{Scene, header, rs256},
};

const ISSUER: &str = "https://oidc1.genauth.ai/oidc";
const APP: &str = "5d01e389985f81c6c1dd31de";
const JWKS: &str = "https://oidc1.genauth.ai/oidc/.well-known/jwks.json";
const INTROSPECT: &str = "https://oidc1.genauth.ai/oidc/token/introspection";

fn issuer() -> Issuer {
    Issuer::usual().named(ISSUER)
}

fn start(change: impl FnOnce(Shipped) -> Shipped) -> Scene {
    Scene::start("genauth.toml", |shipped, key_server, endpoint| {
        serve_keys(key_server);
        change(shipped)
            .with(
                &format!("jwks_url = \"{JWKS}\""),
                &format!("jwks_url = \"{}\"", key_server.url("/jwks")),
            )
            .with(INTROSPECT, &endpoint.url("/oidc/token/introspection"))
    })
}

fn serve_keys(key_server: &KeyServer) {
    key_server.serve("/jwks", Page::json(&issuer().jwks()));
}

/// An access token of the application.
fn token(changes: Value) -> String {
    let mut claims = json!({
        "aud": APP,
        "sub": "5f623f30d85f84c58f141777",
        "iat": NOW - 60,
        "exp": NOW + 3_600,
        "jti": "hoV44FPNR-_EfxTP7s7vw",
        "scope": "openid profile email",
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rs256(&issuer(), json!({}), claims)
}

/// What the OpenID Connect endpoint says of it: no audience, and another issuer.
fn said(iss: &str) -> Value {
    json!({
        "sub": "5f623f30d85f84c58f141777",
        "client_id": APP,
        "exp": NOW + 3_600,
        "iat": NOW - 60,
        "iss": iss,
        "jti": "hoV44FPNR-_EfxTP7s7vw",
        "scope": "openid profile email",
        "token_type": "Bearer",
    })
}

fn get(token: &str) -> Request {
    Request::get("/").bearer(token)
}

#[track_caller]
fn assert_told(answer: &Answer) {
    let body: Value = serde_json::from_slice(&answer.body.bytes).unwrap();
    assert_eq!(body, json!({ "code": 400, "message": "access_token is invalid" }));
}

#[test]
fn a_token_needs_its_signature_and_the_word_of_either_path() {
    for iss in [ISSUER, "https://oidc1.genauth.ai", "https://core.genauth.ai/oauth"] {
        let scene = start(|shipped| shipped);
        let token = token(json!({}));
        scene.endpoint.activate(&token, &said(iss));
        let received = scene.admits(iss, &token);
        assert_eq!(header(&received, "x-auth-subject"), Some("5f623f30d85f84c58f141777"));
        assert_eq!(header(&received, "x-auth-issuer"), Some(ISSUER));
        let question = scene.endpoint.last();
        assert_eq!(question.parameter("client_id"), Some(APP));
        assert_eq!(question.parameter("client_secret"), Some(SECRET));
        assert_eq!(question.parameter("token_type_hint"), Some("access_token"));
        assert_eq!(question.parameter("strict"), Some("true"));
    }
}

#[test]
fn the_other_two_ways_to_authenticate() {
    let secret = "client_secret_file = \"";
    for (auth, names) in [
        ("client_secret_basic", vec!["token", "token_type_hint", "strict"]),
        ("none", vec!["token", "token_type_hint", "strict", "client_id"]),
    ] {
        let scene = start(|shipped| {
            let shipped = shipped.with("\"client_secret_post\"", &format!("\"{auth}\""));
            if auth == "none" { shipped.with(secret, "# client_secret_file = \"") } else { shipped }
        });
        let token = token(json!({}));
        scene.endpoint.activate(&token, &said(ISSUER));
        scene.admits(auth, &token);
        let question = scene.endpoint.last();
        assert_eq!(question.names(), names, "{auth}");
        let basic = question.head.field("authorization").is_some();
        assert_eq!(basic, auth == "client_secret_basic");
    }
}

#[test]
fn refusals_are_genauths_and_every_check_can_refuse() {
    let scene = start(|shipped| shipped);
    let issuer = issuer();
    let claims = issuer.claims().to_string();
    let unknown = sign(&key(Algorithm::Rs256, "unknown"), json!({}), claims.as_bytes());
    let stranger = sign(&key(Algorithm::Rs256, "rsa"), json!({}), claims.as_bytes());
    for (case, token) in [
        ("never said to be active", token(json!({}))),
        ("a key that is not in the set", unknown),
        ("another key under the same id", stranger),
        ("another application", token(json!({ "aud": "other" }))),
        ("expired", token(json!({ "exp": NOW - 61 }))),
        (
            "another issuer",
            rs256(&issuer.named("https://oidc1.authing.cn/oidc"), json!({}), json!({ "aud": APP })),
        ),
    ] {
        if case != "never said to be active" {
            scene.endpoint.activate(&token, &said(ISSUER));
        }
        assert_told(&scene.refuses(case, &get(&token), 400));
    }
    let answer = scene.refuses("no token", &Request::get("/"), 401);
    assert_eq!(answer.field("www-authenticate"), Some("Bearer"));
    let foreign = token(json!({}));
    let mut other = said(ISSUER);
    other["client_id"] = json!("another application");
    scene.endpoint.activate(&foreign, &other);
    assert_told(&scene.refuses("of another application, says the endpoint", &get(&foreign), 400));
}

#[test]
fn an_id_token_passes_only_where_the_operator_says_so() {
    let id_token = token(json!({ "scope": null, "nonce": "n-1", "at_hash": "x" }));
    let offline =
        |shipped: Shipped| shipped.with("when               = \"always\"", "when = \"never\"");
    let scene = start(offline);
    assert_told(&scene.refuses("by default", &get(&id_token), 400));
    let scene = start(|shipped| {
        offline(shipped).with("# accept_id_tokens = true", "accept_id_tokens = true")
    });
    scene.admits("where it is said", &id_token);
}

/// An application that signs with its secret.
fn hs256(shipped: Shipped) -> Shipped {
    let secret = shipped.file("genauth-app-secret").display().to_string();
    shipped
        .with("algorithms       = [\"RS256\"]", "algorithms = [\"HS256\"]")
        .with("when               = \"always\"", "when = \"never\"")
        .with(
            &format!("jwks_url = \"{JWKS}\""),
            &format!("secret_file = \"{secret}\"\n# jwks_url = \"{JWKS}\""),
        )
}

fn hmac_token(secret: &[u8]) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": APP, "sub": "5f623f30d85f84c58f141777", "scope": "openid",
        "iat": NOW - 60, "exp": NOW + 3_600,
    });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    sign_hmac(aws_lc_rs::hmac::HMAC_SHA256, secret, &header, &claims.to_string())
}

#[test]
fn hs256_is_the_applications_secret_as_it_is_written_and_nothing_else() {
    let scene = Scene::start("genauth.toml", |shipped, _, endpoint| {
        hs256(shipped).with(INTROSPECT, &endpoint.url("/oidc/token/introspection"))
    });
    scene.admits("under the secret", &hmac_token(SECRET.as_bytes()));
    assert_told(&scene.refuses(
        "under another",
        &get(&hmac_token(b"another secret of some length.")),
        400,
    ));
    assert_told(&scene.refuses("RS256", &get(&token(json!({}))), 400));
}

#[test]
fn t02_a_secret_never_stands_beside_public_keys() {
    let shipped = Shipped::load("genauth.toml");
    let secret = shipped.file("genauth-app-secret").display().to_string();
    let both = shipped.with(
        "[issuers.genauth.keys]\n",
        &format!("[issuers.genauth.keys]\nsecret_file = \"{secret}\"\n"),
    );
    let mistakes = both.settings().unwrap_err();
    assert!(mistakes.contains("issuers.genauth.keys"), "{mistakes}");
    let mixed = Shipped::load("genauth.toml").with("[\"RS256\"]", "[\"RS256\", \"HS256\"]");
    let mistakes = mixed.settings().unwrap_err();
    assert!(mistakes.contains("HMAC algorithms need a shared secret"), "{mistakes}");
}

#[test]
fn validate_token_is_the_other_way_to_ask() {
    let scene = Scene::start("genauth.toml", |shipped, key_server, endpoint| {
        serve_keys(key_server);
        shipped
            .without_table("[issuers.genauth.introspection]")
            .with_table("[issuers.genauth.introspection]")
            .with(
                &format!("jwks_url = \"{JWKS}\""),
                &format!("jwks_url = \"{}\"", key_server.url("/jwks")),
            )
            .with(
                "https://oidc1.genauth.ai/api/v2/oidc/validate_token",
                &endpoint.url("/api/v2/oidc/validate_token"),
            )
    });
    let token = token(json!({}));
    let decoded =
        json!({ "sub": "5f623f30d85f84c58f141777", "iss": ISSUER, "aud": APP, "exp": NOW + 3_600 });
    scene.endpoint.say(&token, Page::json(&decoded));
    scene.admits("200 and claims", &token);
    let question = scene.endpoint.last();
    assert_eq!((question.method(), question.path()), ("GET", "/api/v2/oidc/validate_token"));
    scene.proxy.advance(60);
    let invalid = json!({ "code": 400, "message": "access_token is invalid" });
    scene.endpoint.say(&token, Page::json(&invalid).with_status(400));
    assert_told(&scene.refuses("400", &get(&token), 400));
    scene.proxy.advance(60);
    scene.endpoint.say(&token, Page::status(500));
    scene.refuses("500: undecided", &get(&token), 503);
}
