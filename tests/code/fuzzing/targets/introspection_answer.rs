//! The answer of an introspection endpoint, and of GenAuth's `validate_token`. The input is a
//! status, and the body on the lines after it.

use bytes::Bytes;
use countersign::{
    fetch::Reply,
    introspection::answer::{IntrospectionAnswer, of_introspection, of_validation},
    json::{Json, Object},
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::json;

/// A token is active only if the answer says so in the one way in which it can be said, and its
/// claims are those of the answer.
pub fn check(input: &[u8]) -> bool {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let Ok(status) = StatusCode::from_bytes(parts.next().unwrap_or_default()) else { return false };
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let theirs = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (headers, trailers) = (HeaderMap::new(), HeaderMap::new());
    let reply = Reply { status, headers, body, trailers };
    let introspected = of_introspection(&reply, "the issuer");
    let validated = of_validation(&reply, "the issuer");
    let is_accepted = introspected.is_ok() || validated.is_ok();
    if let Ok(said) = introspected {
        assert_eq!(status, StatusCode::OK);
        assert_eq!(theirs["active"], Value::Bool(matches!(said, IntrospectionAnswer::Active(_))));
        assert_claims(said, &theirs, Some("active"));
    }
    if let Ok(said) = validated {
        assert_validation(&said, status, &theirs);
        assert_claims(said, &theirs, None);
    }
    is_accepted
}

fn assert_validation(said: &IntrospectionAnswer, status: StatusCode, body: &Value) {
    match said {
        IntrospectionAnswer::Inactive => {
            assert!(status == 400 || (status == 200 && body["code"] == 400));
        }
        IntrospectionAnswer::Active(_) => {
            assert_eq!(status, StatusCode::OK);
            assert!(body["code"].is_null() || body["code"] == 200);
            assert!(["sub", "iss", "aud"].iter().any(|name| body.get(name).is_some()));
        }
    }
}

/// The claims are the answer's members, but for this one.
fn assert_claims(said: IntrospectionAnswer, body: &Value, without: Option<&str>) {
    let IntrospectionAnswer::Active(claims) = said else { return };
    let mut body = body.as_object().expect("the answer is an object").clone();
    without.and_then(|name| body.remove(name));
    let claims: Object = claims.into_iter().collect();
    assert!(json::is_same(&Json::Object(claims), &Value::Object(body)));
}
