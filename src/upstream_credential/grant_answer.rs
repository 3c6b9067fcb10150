//! Parses a token endpoint's answer: pure functions over a reply.

use http::{HeaderValue, StatusCode};

use crate::{
    clock::UnixTime,
    fetch::Reply,
    jose::base64url,
    json::{Json, Object},
};

use super::{
    GrantError,
    settings::{CredentialHeader, TokenType, is_sendable},
};

/// What a token endpoint says.
#[derive(Debug, Clone)]
pub(super) enum GrantAnswer {
    /// Here is the token.
    Granted(GrantedToken),
    /// There is none for this caller.
    Denied(&'static str),
}

/// A token as it is sent to the service.
#[derive(Debug, Clone)]
pub(super) struct GrantedToken {
    /// The value of the header. `Debug` does not show it.
    pub(super) value: HeaderValue,
    /// When it ends; after the request that it came for.
    pub(super) expires: UnixTime,
}

/// What is taken of an answer.
#[derive(Debug)]
pub(super) struct GrantRules {
    pub(super) header: CredentialHeader,
    pub(super) max_token_bytes: usize,
    /// What was asked for; `None`: nothing is exchanged.
    pub(super) issued_type: Option<TokenType>,
}

/// How long a token of unknown lifetime is used, in seconds.
const UNSAID_LIFETIME: i64 = 60;
/// The longest use, in seconds, whatever its lifetime: a withdrawn permission must show.
const LONGEST_USE: i64 = 12 * 60 * 60;

/// What an error of an exchange says of the caller's token, or of what its owner may have
/// (RFC 8693 §2.2.2, RFC 6749 §5.2, RFC 6750 §3.1, OpenID Connect Core §3.1.2.6).
const OF_CALLER: &[&str] = &[
    "invalid_request",
    "invalid_grant",
    "invalid_target",
    "invalid_scope",
    "invalid_token",
    "access_denied",
    "interaction_required",
    "consent_required",
    "login_required",
];
/// What it says of this proxy.
const OF_CLIENT: &[&str] = &["invalid_client", "unauthorized_client", "unsupported_grant_type"];
const OTHER: &[&str] = &["server_error", "temporarily_unavailable", "slow_down"];
/// The code of an answer that has none that is known.
const UNKNOWN: &str = "no known error";

impl GrantRules {
    /// Reads an answer (RFC 6749 §5, RFC 8693 §2.2). `asked` is when it was asked for.
    pub(super) fn read(
        &self,
        reply: &Reply,
        place: &str,
        asked: UnixTime,
    ) -> Result<GrantAnswer, GrantError> {
        if reply.status == StatusCode::OK {
            return self.granted(&reply.body, asked).map(GrantAnswer::Granted).map_err(|cause| {
                GrantError::Malformed { place: place.to_owned(), cause: cause.to_owned() }
            });
        }
        let (place, status, code) =
            (place.to_owned(), reply.status.as_u16(), error_code(&reply.body));
        if self.issued_type.is_some() && reply.status.is_client_error() && OF_CALLER.contains(&code)
        {
            return Ok(GrantAnswer::Denied(code));
        }
        let is_of_client = OF_CLIENT.contains(&code) || matches!(status, 401 | 403);
        Err(if is_of_client {
            GrantError::Refused { place, status, code }
        } else {
            GrantError::Status { place, status, code }
        })
    }

    fn granted(&self, body: &[u8], asked: UnixTime) -> Result<GrantedToken, &'static str> {
        let members = Object::parse(body).map_err(|_| "the answer is no JSON object")?;
        let token = members.get("access_token").and_then(Json::as_str);
        let token = token.ok_or("there is no \"access_token\"")?;
        self.check_types(&members)?;
        if token.len() > self.max_token_bytes {
            return Err("the \"access_token\" is longer than max_token_bytes");
        }
        let value = Some(token).filter(|token| is_sendable(token));
        let value = value.and_then(|token| self.header.value(token));
        let value = value.ok_or("the \"access_token\" can't be sent in a header")?;
        let expires = expiry(&members, token, asked)?;
        Ok(GrantedToken { value, expires })
    }

    /// A token of another type must not be sent as a bearer token.
    fn check_types(&self, members: &Object) -> Result<(), &'static str> {
        let is = |name: &str, expected: &str| {
            let value = members.get(name).and_then(Json::as_str);
            value.is_some_and(|value| value.eq_ignore_ascii_case(expected))
        };
        let is_no_access_token =
            !self.header.is_authorization() && self.issued_type != Some(TokenType::AccessToken);
        let is_usable =
            is("token_type", "bearer") || (is_no_access_token && is("token_type", "n_a"));
        if !is_usable {
            return Err("the \"token_type\" is not Bearer");
        }
        match self.issued_type {
            Some(expected)
                if members.get("issued_token_type").is_none()
                    && expected == TokenType::AccessToken =>
            {
                Err("there is no \"issued_token_type\"")
            }
            Some(expected) if !is("issued_token_type", expected.uri()) => {
                Err("the \"issued_token_type\" is not the one that was requested")
            }
            _ => Ok(()),
        }
    }
}

/// The earlier one of `expires_in` and of the `exp` of a JWT, whose signature is for the service to
/// check: here it only shortens.
fn expiry(members: &Object, token: &str, asked: UnixTime) -> Result<UnixTime, &'static str> {
    let lifetime = match members.get("expires_in") {
        None => None,
        Some(Json::Integer(seconds)) => Some(i64::try_from(seconds.get()).unwrap_or(i64::MAX)),
        Some(_) => return Err("the \"expires_in\" is no whole number"),
    };
    let by_answer = lifetime.map(|seconds| asked.0.saturating_add(seconds));
    let ends = [by_answer, exp_of(token)].into_iter().flatten().min();
    let ends = ends.unwrap_or_else(|| asked.0.saturating_add(UNSAID_LIFETIME));
    if ends <= asked.0 {
        return Err("the \"access_token\" has expired already");
    }
    Ok(UnixTime(ends.min(asked.0.saturating_add(LONGEST_USE))))
}

/// The `exp` of a token that is a JWT.
fn exp_of(token: &str) -> Option<i64> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = Object::parse(&base64url::decode(payload.as_bytes()).ok()?).ok()?;
    match claims.get("exp")? {
        Json::Integer(exp) => i64::try_from(exp.get()).ok(),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and rounds down")]
        Json::Float(exp) => Some(exp.floor() as i64),
        _ => None,
    }
}

/// The error out of a closed set: the provider's own words stay with it.
fn error_code(body: &[u8]) -> &'static str {
    let members = Object::parse(body).ok();
    let error = members.as_ref().and_then(|it| it.get("error")).and_then(Json::as_str);
    let known = OF_CALLER.iter().chain(OF_CLIENT).chain(OTHER);
    known.copied().find(|known| Some(*known) == error).unwrap_or(UNKNOWN)
}
