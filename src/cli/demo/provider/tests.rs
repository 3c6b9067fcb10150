use http_body_util::BodyExt;

use super::*;
use crate::{
    clock::{ManualClock, UnixTime},
    jose::{JwkSet, KeyLimits, verify_compact},
};

const NOW: i64 = 1_800_000_000;

fn provider() -> Provider {
    Provider::new("http://127.0.0.1:1", Arc::new(ManualClock::at(UnixTime(NOW)))).unwrap()
}

fn ask(provider: &Provider, method: Method, path: &str, body: &'static str) -> (u16, String) {
    ask_with(provider, method, path, body, None)
}

fn ask_with(
    provider: &Provider,
    method: Method,
    path: &str,
    body: &'static str,
    authorization: Option<&'static str>,
) -> (u16, String) {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    if let Some(value) = authorization {
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(value));
    }
    let (head, body) = provider.answer(&request).into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

/// The claims of a token, verified with the one key that the provider publishes.
fn verified(provider: &Provider, token: &str) -> Option<Object> {
    let (_, jwks) = ask(provider, Method::GET, "/jwks", "");
    let keys = JwkSet::parse(jwks.as_bytes(), &KeyLimits::default()).unwrap().keys;
    assert_eq!(keys.len(), 1);
    let payload = verify_compact(token.trim().as_bytes(), &keys[0]).ok()?;
    Some(Object::parse(&payload).unwrap())
}

#[test]
fn both_metadata_documents_name_the_issuer_and_its_endpoints() {
    let provider = provider();
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let (status, body) = ask(&provider, Method::GET, path, "");
        let metadata = Object::parse(body.as_bytes()).unwrap();
        assert_eq!(status, 200);
        assert_eq!(metadata.get("issuer"), Some(&"http://127.0.0.1:1".into()));
        assert_eq!(metadata.get("jwks_uri"), Some(&"http://127.0.0.1:1/jwks".into()));
    }
}

#[test]
fn a_client_gets_the_token_that_it_asks_for() {
    let provider = provider();
    let form = "grant_type=client_credentials&scope=read+write&expires_in=60";
    let basic = Some("Basic Ym9iOnB3");
    let (status, body) = ask_with(&provider, Method::POST, "/token", form, basic);
    assert_eq!(status, 200, "{body}");
    let answer = Object::parse(body.as_bytes()).unwrap();
    assert_eq!(answer.get("token_type"), Some(&"Bearer".into()));
    let token = answer.get("access_token").and_then(Json::as_str).unwrap();
    let claims = verified(&provider, token).unwrap();
    assert_eq!(claims.get("sub"), Some(&"bob".into()));
    assert_eq!(claims.get("scope"), Some(&"read write".into()));
    assert_eq!(claims.get("iat"), Some(&NOW.into()));
    assert_eq!(claims.get("exp"), Some(&(NOW + 60).into()));
}

#[test]
fn errors_are_those_of_rfc_6749() {
    let provider = provider();
    for (form, expected) in [
        ("grant_type=password&client_id=a&client_secret=b", (400, "unsupported_grant_type")),
        ("client_id=a&client_secret=b", (400, "invalid_request")),
        ("grant_type=client_credentials", (401, "invalid_client")),
        ("grant_type=client_credentials&client_id=a", (401, "invalid_client")),
        (
            "grant_type=client_credentials&client_id=a&client_secret=b&scope=%22",
            (400, "invalid_scope"),
        ),
        (
            "grant_type=client_credentials&client_id=a&client_secret=b&expires_in=x",
            (400, "invalid_request"),
        ),
        ("grant_type=client_credentials&grant_type=client_credentials", (400, "invalid_request")),
    ] {
        let (status, body) = ask(&provider, Method::POST, "/token", form);
        let error = Object::parse(body.as_bytes()).unwrap();
        assert_eq!((status, error.get("error")), (expected.0, Some(&expected.1.into())), "{form}");
    }
    assert_eq!(ask(&provider, Method::GET, "/token", "").0, 405);
    assert_eq!(ask(&provider, Method::GET, "/rotate", "").0, 405);
    assert_eq!(ask(&provider, Method::GET, "/elsewhere", "").0, 404);
}

#[test]
fn an_expired_token_was_issued_before_it_expired() {
    let provider = provider();
    let (_, token) = ask(&provider, Method::POST, "/token/plain", "expires_in=-300");
    let claims = verified(&provider, &token).unwrap();
    assert_eq!(claims.get("exp"), Some(&(NOW - 300).into()));
    assert_eq!(claims.get("iat"), Some(&(NOW - 301).into()));
}

#[test]
fn rotation_withdraws_the_old_key() {
    let provider = provider();
    let (_, old) = ask(&provider, Method::GET, "/token/plain", "");
    assert!(verified(&provider, &old).is_some());
    assert_eq!(ask(&provider, Method::POST, "/rotate", "").0, 200);
    let (_, new) = ask(&provider, Method::GET, "/token/plain", "");
    assert!(verified(&provider, &old).is_none());
    assert!(verified(&provider, &new).is_some());
}
