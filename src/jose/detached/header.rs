//! The protected header of a detached signature.

use super::DetachedError;
use crate::jose::{Algorithm, Json, Object, jws::MAX_KID_BYTES};

/// What of a header is used. Keys and key locations in it (`jwk`, `jku`, `x5c`, `x5u`, `x5t`) are
/// never looked at: whoever forges a signature writes them (threats T-15).
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// `"b64": false`.
    pub(super) is_unencoded: bool,
    /// `crit` names `b64`.
    pub(super) is_b64_critical: bool,
    pub(super) members: Object,
}

/// The header parameters of RFC 7515 §4.1, which `crit` must not name (§4.1.11).
const STANDARD: &[&str] =
    &["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"];

impl Header {
    pub(super) fn parse(text: &[u8], understood: &[String]) -> Result<Self, DetachedError> {
        let members = Object::parse(text).map_err(|_| DetachedError::Header)?;
        let algorithm = members.get("alg").and_then(Json::as_str).and_then(Algorithm::from_name);
        let critical = critical(&members, understood)?;
        if members.is_null("b64") {
            return Err(DetachedError::Header);
        }
        let is_unencoded = match members.get("b64") {
            None | Some(Json::Bool(true)) => false,
            Some(Json::Bool(false)) => true,
            Some(_) => return Err(DetachedError::Header),
        };
        // An encrypted or compressed payload is none that we would see.
        if members.get("enc").is_some() || members.get("zip").is_some() {
            return Err(DetachedError::Header);
        }
        Ok(Self {
            algorithm: algorithm.ok_or(DetachedError::Algorithm)?,
            kid: key_id(&members)?,
            is_unencoded,
            is_b64_critical: critical.contains(&"b64"),
            members,
        })
    }
}

impl Header {
    /// Whether its `typ` is that of a JWT, of whatever kind. Media types are compared without
    /// regard to case, and `application/` may be left out (RFC 7515 §4.1.9).
    pub(super) fn is_of_jwt(&self) -> bool {
        let Some(Json::String(typ)) = self.members.get("typ") else {
            return false;
        };
        let typ = typ.to_ascii_lowercase();
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        typ == "jwt" || typ.ends_with("+jwt")
    }
}

/// The names in `crit`: each understood, there, not a standard one, and named once (RFC 7515
/// §4.1.11).
fn critical<'m>(members: &'m Object, understood: &[String]) -> Result<Vec<&'m str>, DetachedError> {
    let names = match members.get("crit") {
        None if members.is_null("crit") => return Err(DetachedError::Critical),
        None => return Ok(Vec::new()),
        Some(Json::Array(names)) if !names.is_empty() => names,
        Some(_) => return Err(DetachedError::Critical),
    };
    let mut seen: Vec<&str> = Vec::with_capacity(names.len());
    for name in names {
        let name = name.as_str().ok_or(DetachedError::Critical)?;
        let is_known = name == "b64" || understood.iter().any(|known| known == name);
        let is_fit = is_known && !STANDARD.contains(&name) && !seen.contains(&name);
        if !is_fit || members.get(name).is_none() {
            return Err(DetachedError::Critical);
        }
        seen.push(name);
    }
    Ok(seen)
}

fn key_id(members: &Object) -> Result<Option<String>, DetachedError> {
    match members.get("kid") {
        None => Ok(None),
        Some(Json::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID_BYTES => {
            Ok(Some(kid.clone()))
        }
        Some(_) => Err(DetachedError::Header),
    }
}
