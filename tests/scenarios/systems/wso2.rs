//! WSO2 Identity Server: JWTs, opaque tokens, tokens bound to a cookie, and the signed assertion.

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::jose::{JwkSet, KeyLimits, base64url, verify_compact};
use serde_json::{Value, json};

use crate::{
    support::{
        NOW,
        client::Request,
        issuer::{Issuer, public, renamed, sign},
        key_server::Page,
        shipped::{SECRET, Shipped},
        upstream::Received,
    },
    systems::scene::{Scene, header, rs256},
};

const ISSUER: &str = "https://is.example.com:9443/oauth2/token";
const INTROSPECT: &str = "https://is.example.com:9443/oauth2/introspect";
const CLIENT: &str = "my-application";

fn issuer() -> Issuer {
    Issuer::usual().named(ISSUER)
}

fn start(change: impl FnOnce(Shipped) -> Shipped) -> Scene {
    Scene::start("wso2.toml", |shipped, key_server, endpoint| {
        let rsa = public(issuer().key("rsa"));
        let mut second = rsa.clone();
        second["kid"] = json!("thumbprint_PS256");
        second["alg"] = json!("PS256");
        let mut first = rsa;
        first["kid"] = json!("thumbprint_RS256");
        first["x5t"] = json!("bm90IGEgU0hBLTEgdGh1bWJwcmludA");
        key_server.serve("/oauth2/jwks", Page::json(&json!({ "keys": [first, second] })));
        change(shipped)
            .with(INTROSPECT, &endpoint.url("/oauth2/introspect"))
            .with("https://is.example.com:9443/oauth2/jwks", &key_server.url("/oauth2/jwks"))
    })
}

/// A JWT access token of a user.
fn jwt(header: Value, changes: Value) -> String {
    let mut head = json!({ "typ": "at+jwt", "kid": "thumbprint_RS256", "x5t": "MjAtYnl0ZXM" });
    head.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    let mut claims = json!({
        "aud": CLIENT,
        "sub": "d3c9b0f2",
        "azp": CLIENT,
        "client_id": CLIENT,
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW + 3_600,
        "jti": "7c1f",
        "scope": "openid profile",
        "aut": "APPLICATION_USER",
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rs256(&issuer(), head, claims)
}

/// What the endpoint says of a user's opaque token.
fn said(changes: Value) -> Value {
    let mut said = json!({
        "aut": "APPLICATION_USER",
        "nbf": NOW - 60,
        "scope": "openid profile",
        "token_type": "Bearer",
        "exp": NOW + 3_600,
        "iat": NOW - 60,
        "client_id": CLIENT,
        "username": "alice@carbon.super",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(said.as_object_mut().unwrap().remove(name)),
            value => said[name] = value.clone(),
        }
    }
    said
}

const OPAQUE: &str = "94e325b7-77c8-32c2-a6ff-d7be430bf785";

#[test]
fn a_jwt_passes_with_what_it_says_of_its_owner() {
    let scene = start(|shipped| shipped);
    let received = scene.admits("a user's", &jwt(json!({}), json!({})));
    assert_eq!(header(&received, "x-auth-user-type"), Some("APPLICATION_USER"));
    assert_eq!(header(&received, "x-auth-scope"), Some("openid profile"));
    let scopes =
        json!({ "scope": ["openid", "profile"], "aut": "APPLICATION", "aud": [CLIENT, "x"] });
    let received = scene.admits("an application's, scopes in a list", &jwt(json!({}), scopes));
    assert_eq!(header(&received, "x-auth-user-type"), Some("APPLICATION"));
    assert_eq!(header(&received, "x-auth-scope"), Some("openid profile"));
    assert_eq!(scene.endpoint.count(), 0, "a JWT is not asked about");
}

#[test]
fn one_key_under_several_ids_is_that_key_under_each() {
    let scene = start(|shipped| shipped);
    let payload = |key: &str| {
        let mut claims = issuer().claims();
        claims["aud"] = json!(CLIENT);
        claims["jti"] = json!(key);
        claims.to_string()
    };
    let rsa = renamed(issuer().key("rsa"), "thumbprint_RS256");
    let typ = json!({ "typ": "at+jwt" });
    scene.admits("RS256", &sign(&rsa, typ, payload("1").as_bytes()));
    let crossed = json!({ "typ": "at+jwt", "kid": "thumbprint_PS256" });
    let request = Request::get("/").bearer(&sign(&rsa, crossed, payload("2").as_bytes()));
    scene.refuses("RS256 under the id that is for PS256", &request, 401);
}

#[test]
fn t19_refresh_tokens_and_other_types_are_refused_in_either_form() {
    let scene = start(|shipped| shipped);
    for typ in ["rt+jwt", "JWT", "jwt", "logout+jwt"] {
        let token = jwt(json!({ "typ": typ }), json!({}));
        scene.refuses(typ, &Request::get("/").bearer(&token), 401);
    }
    scene.endpoint.activate(OPAQUE, &said(json!({ "token_type": "Refresh" })));
    scene.refuses("opaque", &Request::get("/").bearer(OPAQUE), 401);
    assert_eq!(scene.refusals("wso2", "token_type_not_allowed"), 10);
}

#[test]
fn an_opaque_token_is_asked_about_as_a_user() {
    let scene = start(|shipped| shipped);
    scene.endpoint.activate(OPAQUE, &said(json!({})));
    let received = scene.admits("a user's", OPAQUE);
    assert_eq!(header(&received, "x-auth-subject"), Some("alice@carbon.super"));
    assert_eq!(header(&received, "x-auth-client"), Some(CLIENT));
    assert_eq!(header(&received, "x-auth-issuer"), Some(ISSUER));
    let basic = BASE64_STANDARD.encode(format!("introspector:{SECRET}"));
    let sent = scene.endpoint.last();
    assert_eq!(sent.head.field("authorization"), Some(format!("Basic {basic}").as_str()));

    let application = "2f0f7a3c-5d1e-39a8-8f3e-1b7f4b6f0c55";
    scene.endpoint.activate(application, &said(json!({ "username": null, "aut": "APPLICATION" })));
    let received = scene.admits("an application's", application);
    assert_eq!(header(&received, "x-auth-subject"), Some(CLIENT));
    assert_eq!(header(&received, "x-auth-user-type"), Some("APPLICATION"));
}

#[test]
fn an_opaque_token_of_another_application_or_time_is_refused() {
    let scene = start(|shipped| shipped);
    for (n, changes) in [
        json!({ "client_id": "another" }),
        json!({ "client_id": null }),
        json!({ "exp": NOW - 61 }),
        json!({ "nbf": NOW + 61 }),
    ]
    .into_iter()
    .enumerate()
    {
        let token = format!("{OPAQUE}-{n}");
        scene.endpoint.activate(&token, &said(changes.clone()));
        scene.refuses(&changes.to_string(), &Request::get("/").bearer(&token), 401);
    }
    scene.refuses("unknown", &Request::get("/").bearer(OPAQUE), 401);
}

#[test]
fn client_credentials_that_the_endpoint_does_not_take_are_our_fault() {
    let scene = start(|shipped| shipped);
    let body = json!({
        "traceId": "1", "code": 401, "message": "Unauthorized",
        "description": "Authorization failure. Authorization information was invalid or missing from your request.",
    });
    scene.endpoint.say(OPAQUE, Page::json(&body).with_status(401));
    let answer = scene.refuses("401 there", &Request::get("/").bearer(OPAQUE), 503);
    assert!(answer.field("retry-after").is_some());
}

#[test]
fn a_bearer_token_of_our_own_is_the_other_way_to_ask() {
    let scene = Scene::start("wso2.toml", |shipped, key_server, endpoint| {
        key_server.serve("/oauth2/jwks", Page::json(&issuer().jwks()));
        let own = json!({ "access_token": "own", "token_type": "Bearer", "expires_in": 3600 });
        endpoint.serve("/oauth2/token", Page::json(&own));
        shipped
            .with("auth          = \"basic\"\nusername      = \"introspector\"\n", "")
            .with("password_file = ", "# password_file = ")
            .with("# auth               = \"bearer\"", "auth = \"bearer\"")
            .with(
                "# token_url          = \"https://is.example.com:9443/oauth2/token\"",
                &format!("token_url = \"{}\"", endpoint.url("/oauth2/token")),
            )
            .with("# token_scope", "token_scope")
            .with("# client_id          = \"intro", "client_id = \"intro")
            .with("# client_secret_file", "client_secret_file")
            .with(INTROSPECT, &endpoint.url("/oauth2/introspect"))
            .with("https://is.example.com:9443/oauth2/jwks", &key_server.url("/oauth2/jwks"))
    });
    scene.endpoint.activate(OPAQUE, &said(json!({})));
    scene.admits("asked with it", OPAQUE);
    assert_eq!(scene.endpoint.last().head.field("authorization"), Some("Bearer own"));
    let fetched = scene.endpoint.visits("/oauth2/token");
    assert_eq!(fetched[0].parameter("scope"), Some("internal_oauth2_introspect"));
}

/// The pair of WSO2's documentation: the second is the MD5 of the first.
const COOKIE: &str = "646b0ed2-c501-4b17-9251-94112013a718";
const REFERENCE: &str = "5b6f756e3c043d254890dbc5b428fc80";

#[test]
fn a_token_bound_to_a_cookie_needs_that_cookie_opaque_or_not() {
    let scene = start(|shipped| shipped);
    let bound = json!({ "binding_type": "cookie", "binding_ref": REFERENCE });
    scene.endpoint.activate(OPAQUE, &said(bound.clone()));
    for token in [OPAQUE.to_owned(), jwt(json!({}), bound)] {
        let with = |cookie: &str| Request::get("/").bearer(&token).field("cookie", cookie);
        scene.passes("with it", &with(&format!("a=b; atbv={COOKIE}")));
        scene.refuses("with another", &with("atbv=646b0ed2-c501-4b17-9251-94112013a719"), 401);
        scene.refuses("with its reference", &with(&format!("atbv={REFERENCE}")), 401);
        scene.refuses("without", &Request::get("/").bearer(&token), 401);
    }
    let session =
        json!({ "binding_type": "sso-session", "binding_ref": "14be65fcc8b7534ed45daadbfe9d62bd" });
    let to_session = jwt(json!({}), session);
    scene.refuses("bound to what can't be proven", &Request::get("/").bearer(&to_session), 401);
}

/// The claims of the assertion, which verifies under the key that the admin listener serves.
fn asserted(scene: &Scene, received: &Received) -> Value {
    let assertion = header(received, "x-jwt-assertion").unwrap();
    let head = base64url::decode(assertion.split('.').next().unwrap().as_bytes()).unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    assert_eq!(head["alg"], "RS256");
    let served = scene.proxy.admin("/jwks");
    let set = JwkSet::parse(&served.body.bytes, &KeyLimits::default()).unwrap();
    let key = set.keys.iter().find(|key| key.kid() == head["kid"].as_str()).unwrap();
    serde_json::from_slice(&verify_compact(assertion.as_bytes(), key).unwrap()).unwrap()
}

#[test]
fn the_service_gets_the_claims_once_more_under_the_operators_key() {
    let scene = start(|shipped| shipped);
    let claims = asserted(&scene, &scene.admits("a JWT", &jwt(json!({}), json!({}))));
    assert_eq!(claims["iss"], "https://gateway.example.com");
    assert_eq!(claims["http://wso2.org/claims/enduser"], "d3c9b0f2");
    assert_eq!(claims["http://wso2.org/claims/applicationname"], CLIENT);
    scene.endpoint.activate(OPAQUE, &said(json!({})));
    let claims = asserted(&scene, &scene.admits("an opaque token", OPAQUE));
    assert_eq!(claims["http://wso2.org/claims/enduser"], "alice@carbon.super");
}

#[test]
fn h09_an_assertion_that_a_client_sends_never_arrives() {
    let scene = start(|shipped| shipped);
    let public = Request::get("/healthz").field("x-jwt-assertion", "forged-by-the-client");
    assert_eq!(header(&scene.passes("public", &public), "x-jwt-assertion"), None);
    let private = Request::get("/")
        .bearer(&jwt(json!({}), json!({})))
        .field("X_JWT_Assertion", "forged-by-the-client")
        .field("x-jwt-assertion", "forged-by-the-client");
    asserted(&scene, &scene.passes("private", &private));
}
