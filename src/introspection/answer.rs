//! Parses an endpoint's response: pure functions over a reply.

use http::StatusCode;

use crate::{
    fetch::Reply,
    json::{Json, Object},
};

use super::IntrospectionError;

/// An issuer's response about a token, as received.
#[derive(Debug, Clone, PartialEq)]
pub enum IntrospectionAnswer {
    /// It is active, and these are its claims.
    Active(Object),
    /// It is not, and that is certain.
    Inactive,
}

/// Reads the answer of an introspection endpoint (RFC 7662 §2.2): 200, a JSON object, and
/// `active` a boolean. Anything else is no answer (threats I-1, I-2).
pub fn of_introspection(
    reply: &Reply,
    place: &str,
) -> Result<IntrospectionAnswer, IntrospectionError> {
    match reply.status {
        StatusCode::OK => parsed(object(&reply.body, place)?, place),
        status => Err(refusal(status, place)),
    }
}

/// Parses an introspection response (RFC 7662 §2.2).
pub(super) fn parsed(
    members: Object,
    place: &str,
) -> Result<IntrospectionAnswer, IntrospectionError> {
    match members.get("active") {
        Some(Json::Bool(true)) => Ok(IntrospectionAnswer::Active(
            members.into_iter().filter(|(name, _)| name != "active").collect(),
        )),
        Some(Json::Bool(false)) => Ok(IntrospectionAnswer::Inactive),
        Some(_) => Err(malformed(place, "\"active\" is neither true nor false")),
        None => Err(malformed(place, "there is no \"active\"")),
    }
}

/// Reads the answer of GenAuth's `validate_token`: 200 with the claims, or 400. Some versions have
/// the 400 in the body only.
pub fn of_validation(
    reply: &Reply,
    place: &str,
) -> Result<IntrospectionAnswer, IntrospectionError> {
    match reply.status {
        StatusCode::BAD_REQUEST => Ok(IntrospectionAnswer::Inactive),
        StatusCode::OK => {
            let members = object(&reply.body, place)?;
            let code = match members.get("code") {
                None => Some(200),
                Some(Json::Integer(code)) => Some(code.get()),
                Some(_) => None,
            };
            match code {
                Some(200) if names_a_subject(&members) => Ok(IntrospectionAnswer::Active(members)),
                Some(400) => Ok(IntrospectionAnswer::Inactive),
                _ => Err(malformed(place, "there are no claims, and no code 400")),
            }
        }
        status => Err(refusal(status, place)),
    }
}

/// Claims name a subject or an issuer; an error has neither.
fn names_a_subject(members: &Object) -> bool {
    ["sub", "iss", "aud"].iter().any(|name| members.get(name).is_some())
}

fn refusal(status: StatusCode, place: &str) -> IntrospectionError {
    let (place, code) = (place.to_owned(), status.as_u16());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            IntrospectionError::Refused { place, status: code }
        }
        _ => IntrospectionError::Status { place, status: code },
    }
}

fn object(body: &[u8], place: &str) -> Result<Object, IntrospectionError> {
    Object::parse(body).map_err(|error| malformed(place, &format!("the answer is {error}")))
}

pub(super) fn malformed(place: &str, cause: &str) -> IntrospectionError {
    IntrospectionError::Malformed { place: place.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::lookup::LookupFailure;

    fn reply(status: u16, body: &'static str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        let (headers, trailers) = Default::default();
        Reply { status, headers, body: Bytes::from_static(body.as_bytes()), trailers }
    }

    fn introspected(status: u16, body: &'static str) -> Result<IntrospectionAnswer, &'static str> {
        of_introspection(&reply(status, body), "idp").map_err(|error| error.code())
    }

    fn validated(status: u16, body: &'static str) -> Result<IntrospectionAnswer, &'static str> {
        of_validation(&reply(status, body), "idp").map_err(|error| error.code())
    }

    fn active(claims: &str) -> IntrospectionAnswer {
        IntrospectionAnswer::Active(Object::parse(claims.as_bytes()).unwrap())
    }

    #[test]
    fn i1_only_a_boolean_true_is_active() {
        assert_eq!(introspected(200, r#"{"active":true,"sub":"a"}"#), Ok(active(r#"{"sub":"a"}"#)));
        for body in [
            r#"{"active":"true","sub":"a"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
            r#"{"Active":true}"#,
            r#"{"active":true,"active":true}"#,
            r#"{"error":"invalid_request"}"#,
            "{}",
            "[true]",
            "true",
            "",
            "<html>active:true</html>",
            "{'active':true}",
            r#"{"active":true} x"#,
        ] {
            assert_eq!(introspected(200, body), Err("malformed"), "{body}");
        }
    }

    #[test]
    fn i2_inactive_is_inactive_whatever_else_is_said() {
        let body = r#"{"active":false,"sub":"a","exp":9999999999}"#;
        assert_eq!(introspected(200, body), Ok(IntrospectionAnswer::Inactive));
    }

    #[test]
    fn i11_i13_any_other_status_decides_nothing() {
        for (status, code) in [
            (201, "status"),
            (204, "status"),
            (400, "status"),
            (401, "credentials_refused"),
            (403, "credentials_refused"),
            (404, "status"),
            (429, "status"),
            (500, "status"),
            (503, "status"),
        ] {
            for body in [r#"{"active":true}"#, r#"{"active":false}"#] {
                assert_eq!(introspected(status, body), Err(code), "{status}");
            }
        }
    }

    #[test]
    fn validate_token_is_claims_or_400() {
        assert_eq!(validated(200, r#"{"sub":"a","exp":1}"#), Ok(active(r#"{"sub":"a","exp":1}"#)));
        assert_eq!(
            validated(400, r#"{"code":400,"message":"x"}"#),
            Ok(IntrospectionAnswer::Inactive)
        );
        assert_eq!(validated(400, "anything"), Ok(IntrospectionAnswer::Inactive));
        assert_eq!(
            validated(200, r#"{"code":400,"message":"x"}"#),
            Ok(IntrospectionAnswer::Inactive)
        );
        for body in [r#"{"code":500,"message":"x"}"#, "{}", r#"{"message":"ok"}"#, "[]", "<html>"] {
            assert_eq!(validated(200, body), Err("malformed"), "{body}");
        }
        for (status, code) in [(401, "credentials_refused"), (404, "status"), (500, "status")] {
            assert_eq!(validated(status, r#"{"sub":"a"}"#), Err(code), "{status}");
        }
    }
}
