//! The protected header of a JWS (RFC 7515 §4): one reader for tokens and detached signatures.

use super::{
    Algorithm,
    jwk::{CertificateSha1, CertificateSha256, certificate_hash},
};
use crate::json::{Json, JsonError, Object};

/// The longest accepted `kid`, in bytes: it is a lookup key, not a document.
pub const MAX_KID_BYTES: usize = 256;

/// A header whose registered parameters are what they have to be. No signature of a token or a body
/// is verified with the keys and key locations in it (`jwk`, `jku`, `x5c`, `x5u`, `x5t`): an
/// attacker who forges one writes them (threats T-15).
#[derive(Debug)]
pub struct ProtectedHeader {
    pub(super) algorithm: Algorithm,
    /// `"b64": false`.
    pub(super) is_unencoded: bool,
    members: Object,
}

/// The parameters that the caller acts on. Only those may be critical (RFC 7515 §4.1.11).
#[derive(Debug, Clone, Copy)]
pub(super) enum Understood<'n> {
    /// None: there are no extensions in a token, and RFC 7797 §7 forbids `"b64": false` there.
    Nothing,
    /// `b64`, and those of these names.
    B64And(&'n [String]),
}

/// Why a header is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Not acceptable JSON.
    Json(JsonError),
    /// A parameter that is not of its type, or a `kid` that is empty or beyond [`MAX_KID_BYTES`].
    Member(&'static str),
    /// No `alg`, or one that is not known (`none` among them).
    Algorithm,
    /// `crit` names something that is not understood or not there, or is malformed.
    Critical,
    /// A payload that would have to be decoded in a way that the caller does not understand.
    PayloadEncoding,
    /// An encrypted payload.
    Encrypted,
}

/// A parameter that should be the hash of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a certificate in base64url")]
pub struct NoCertificateHash;

/// The header parameters of RFC 7515 §4.1, which `crit` must not name (§4.1.11).
const STANDARD: &[&str] =
    &["alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit"];

impl ProtectedHeader {
    /// Reads the decoded header; the first parameter that is not acceptable is the error. `alg`,
    /// `crit` and `b64` decide how a signature is verified, so that none of them may be null. Any
    /// other parameter that is null is absent (threats C-16).
    pub(super) fn parse(text: &[u8], understood: Understood<'_>) -> Result<Self, HeaderError> {
        let members = Object::parse(text).map_err(HeaderError::Json)?;
        let (mut algorithm, mut is_unencoded) = (None, false);
        for (name, value) in members.iter() {
            match name {
                "crit" => check_critical(value, &members, understood)?,
                "b64" => is_unencoded = unencoded(value, understood)?,
                "alg" => algorithm = value.as_str().and_then(Algorithm::from_name),
                _ if value.is_null() => {}
                "kid" => check_kid(value)?,
                "typ" => check_text("typ", value)?,
                "cty" => check_text("cty", value)?,
                "zip" => return Err(HeaderError::PayloadEncoding),
                "enc" => return Err(HeaderError::Encrypted),
                _ => {}
            }
        }
        let algorithm = algorithm.ok_or(HeaderError::Algorithm)?;
        Ok(Self { algorithm, is_unencoded, members })
    }

    /// `kid`; jose4j writes one that it does not have as `null`.
    pub fn kid(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `typ`, as written.
    pub fn typ(&self) -> Option<&str> {
        self.text("typ")
    }

    /// `x5t`, the SHA-1 hash of the signer's certificate: a name of its key, and nothing that is
    /// believed. `Some(Err(_))`: it is no such hash.
    pub fn certificate_sha1(&self) -> Option<Result<CertificateSha1, NoCertificateHash>> {
        self.get("x5t").map(|hash| certificate_hash(hash).ok_or(NoCertificateHash))
    }

    /// The same of `x5t#S256`, the SHA-256 hash.
    pub fn certificate_sha256(&self) -> Option<Result<CertificateSha256, NoCertificateHash>> {
        self.get("x5t#S256").map(|hash| certificate_hash(hash).ok_or(NoCertificateHash))
    }

    pub(super) fn cty(&self) -> Option<&str> {
        self.text("cty")
    }

    /// A parameter by its name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members.get(name)
    }

    /// All parameters.
    pub fn members(&self) -> &Object {
        &self.members
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str)
    }

    /// Whether `crit` names that parameter.
    pub(super) fn is_critical(&self, name: &str) -> bool {
        let critical = self.members.get("crit").and_then(Json::as_array).unwrap_or_default();
        critical.iter().any(|named| named.as_str() == Some(name))
    }
}

impl Understood<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::B64And(names) => name == "b64" || names.iter().any(|known| known == name),
        }
    }
}

/// A media type of `typ` or `cty` without the `application/` that writers may leave out (RFC 7515
/// §4.1.9, §4.1.10).
pub fn short_media_type(media_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match media_type.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => media_type,
    }
}

/// Every name in `crit` is understood, there, not a standard one, and named once (RFC 7515
/// §4.1.11).
fn check_critical(
    crit: &Json,
    members: &Object,
    understood: Understood<'_>,
) -> Result<(), HeaderError> {
    let names = crit.as_array().filter(|names| !names.is_empty()).ok_or(HeaderError::Critical)?;
    let mut seen: Vec<&str> = Vec::with_capacity(names.len());
    for name in names {
        let name = name.as_str().ok_or(HeaderError::Critical)?;
        let is_fit = understood.has(name) && !STANDARD.contains(&name) && !seen.contains(&name);
        if !is_fit || members.get(name).is_none() {
            return Err(HeaderError::Critical);
        }
        seen.push(name);
    }
    Ok(())
}

/// `"b64": true` is the default.
fn unencoded(b64: &Json, understood: Understood<'_>) -> Result<bool, HeaderError> {
    match b64 {
        Json::Bool(true) => Ok(false),
        Json::Bool(false) if understood.has("b64") => Ok(true),
        Json::Bool(false) => Err(HeaderError::PayloadEncoding),
        _ => Err(HeaderError::Member("b64")),
    }
}

fn check_text(name: &'static str, value: &Json) -> Result<(), HeaderError> {
    value.as_str().map(drop).ok_or(HeaderError::Member(name))
}

fn check_kid(kid: &Json) -> Result<(), HeaderError> {
    match kid.as_str() {
        Some(kid) if !kid.is_empty() && kid.len() <= MAX_KID_BYTES => Ok(()),
        _ => Err(HeaderError::Member("kid")),
    }
}
