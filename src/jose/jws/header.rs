//! The protected header (RFC 7515 §4), read for what a token may say in it.

use super::{JwsError, MAX_KID_BYTES};
use crate::jose::{Algorithm, Json, Object};

/// What of a header is used.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    /// Reads the decoded header. Keys and key locations in it (`jwk`, `jku`, `x5c`, `x5u`, `x5t`)
    /// are never looked at: whoever forges a token writes them (threats T-15).
    pub(super) fn parse(text: &[u8]) -> Result<Self, JwsError> {
        let header = Object::parse(text).map_err(JwsError::Header)?;
        let (mut algorithm, mut kid, mut typ) = (None, None, None);
        for (name, value) in header {
            match name.as_str() {
                // These three decide how a token is verified, so that none may be null. Any other
                // member that is null is absent (threats C-16).
                //
                // No extension is understood in a token, so none may be critical; an empty or
                // malformed list is refused by RFC 7515 §4.1.11 itself.
                "crit" => return Err(JwsError::Critical),
                "b64" => refuse_unencoded(&value)?,
                "alg" => algorithm = value.as_str().and_then(Algorithm::from_name),
                _ if value == Json::Null => {}
                "kid" => kid = Some(key_id(value)?),
                "typ" => typ = Some(text_member("typ", value)?),
                "cty" => refuse_nested(&text_member("cty", value)?)?,
                "zip" => return Err(JwsError::PayloadEncoding),
                "enc" => return Err(JwsError::Encrypted),
                _ => {}
            }
        }
        Ok(Self { algorithm: algorithm.ok_or(JwsError::Algorithm)?, kid, typ })
    }
}

fn text_member(name: &'static str, value: Json) -> Result<String, JwsError> {
    match value {
        Json::String(text) => Ok(text),
        _ => Err(JwsError::HeaderMember(name)),
    }
}

fn key_id(value: Json) -> Result<String, JwsError> {
    let kid = text_member("kid", value)?;
    if kid.is_empty() || kid.len() > MAX_KID_BYTES {
        return Err(JwsError::HeaderMember("kid"));
    }
    Ok(kid)
}

/// Refuses `cty: JWT` (RFC 7519 §5.2), in any case and with the prefix that RFC 7515 §4.1.10 lets
/// writers leave out.
fn refuse_nested(content_type: &str) -> Result<(), JwsError> {
    if ["JWT", "application/jwt"].iter().any(|nested| content_type.eq_ignore_ascii_case(nested)) {
        return Err(JwsError::Nested);
    }
    Ok(())
}

/// `b64: true` says what holds anyway; RFC 7797 §7 forbids `false` in a JWT.
fn refuse_unencoded(b64: &Json) -> Result<(), JwsError> {
    match b64 {
        Json::Bool(true) => Ok(()),
        Json::Bool(false) => Err(JwsError::PayloadEncoding),
        _ => Err(JwsError::HeaderMember("b64")),
    }
}
