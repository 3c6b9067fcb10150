//! JSON Web Signatures in compact serialisation (RFC 7515 §7.1), split without trust.

#[cfg(test)]
mod tests;

use memchr::memchr_iter;

use super::{
    Algorithm, VerificationKey, base64url,
    header::{HeaderError, ProtectedHeader, Understood, short_media_type},
};
use crate::json::JsonError;

/// A compact JWS of which nothing is verified yet; borrowed from the token's text.
#[derive(Debug)]
pub struct CompactJws<'t> {
    /// What is signed: header, dot, payload, as written.
    signing_input: &'t [u8],
    /// The payload's text.
    payload: &'t [u8],
    signature: Vec<u8>,
    header: ProtectedHeader,
}

/// Why a text is not an acceptable compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not exactly three parts, or an empty one.
    #[error("not three parts separated by dots")]
    Parts,
    /// Five parts, or an `enc`: a JWE (RFC 7516), which is not supported.
    #[error("an encrypted token (JWE)")]
    Encrypted,
    /// A header beyond [`MAX_HEADER_BYTES`].
    #[error("the header is too long")]
    HeaderTooLong,
    /// A part that is not canonical base64url.
    #[error("a part is not canonical base64url")]
    Base64,
    /// The header is not acceptable JSON.
    #[error("the header is {0}")]
    Header(JsonError),
    /// A header member of the wrong type, or a `kid` that is empty or beyond
    /// [`super::MAX_KID_BYTES`].
    #[error("header member {0} is malformed")]
    HeaderMember(&'static str),
    /// No `alg`, or one that is not known (`none` among them).
    #[error("the algorithm is not supported")]
    Algorithm,
    /// `crit` is present: it names something that is not understood, or is malformed.
    #[error("a critical header parameter is not understood")]
    Critical,
    /// `b64` is false (RFC 7797 §7 forbids it in tokens), or there is a `zip`.
    #[error("the payload is not encoded as a token's must be")]
    PayloadEncoding,
    /// `cty` declares that the payload is a token itself.
    #[error("a token inside of a token")]
    Nested,
}

/// The longest accepted header, in base64url characters. Real ones take 50 to 200; an `x5c` chain,
/// which some providers send and which is ignored, takes up to 4 KiB.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Parts of a JWE in compact serialisation (RFC 7516 §7.1).
const JWE_PARTS: usize = 5;

impl<'t> CompactJws<'t> {
    /// Splits and reads the protected header. Cheap checks first; verifies nothing. A token has
    /// claims, so an empty payload, as a detached signature has it, is refused here.
    pub fn parse(token: &'t [u8]) -> Result<Self, JwsError> {
        let jws = Self::parse_any_payload(token)?;
        if jws.payload.is_empty() {
            return Err(JwsError::Parts);
        }
        Ok(jws)
    }

    /// Like [`CompactJws::parse`], for payloads that may be empty.
    fn parse_any_payload(token: &'t [u8]) -> Result<Self, JwsError> {
        let [header, payload, signature] = split(token)?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(JwsError::HeaderTooLong);
        }
        let header = ProtectedHeader::parse(&decode(header)?, Understood::Nothing)?;
        refuse_nested(&header)?;
        let signature_and_dot = signature.len() + 1;
        let signing_input = token
            .split_at_checked(token.len() - signature_and_dot)
            .map_or(token, |(input, _)| input);
        Ok(Self { signing_input, payload, signature: decode(signature)?, header })
    }

    /// The header's `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The protected header.
    pub fn header(&self) -> &ProtectedHeader {
        &self.header
    }

    /// The payload's bytes, decoded, not verified.
    pub fn payload(&self) -> Result<Vec<u8>, JwsError> {
        decode(self.payload)
    }

    /// Whether the signature is valid under this key.
    pub fn verify(&self, key: &VerificationKey) -> bool {
        key.verify(self.algorithm(), self.signing_input, &self.signature)
    }
}

/// Verifies a compact JWS under one key and gives its payload, which may be of any kind, an empty
/// one too. Claims are not checked. Where both the header and the key have a `kid`, they must be
/// the same.
pub fn verify_compact(token: &[u8], key: &VerificationKey) -> Result<Vec<u8>, VerifyError> {
    let jws = CompactJws::parse_any_payload(token)?;
    let payload = jws.payload()?;
    let other_key =
        matches!((jws.header.kid(), key.kid()), (Some(meant), Some(this)) if meant != this);
    if other_key || !jws.verify(key) {
        return Err(VerifyError::Signature);
    }
    Ok(payload)
}

/// Why [`verify_compact`] gives no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not an acceptable JWS.
    #[error(transparent)]
    Malformed(#[from] JwsError),
    /// The signature is wrong, or made with another key or algorithm than this one.
    #[error("the signature does not verify under the key")]
    Signature,
}

impl From<HeaderError> for JwsError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Json(error) => Self::Header(error),
            HeaderError::Member(name) => Self::HeaderMember(name),
            HeaderError::Algorithm => Self::Algorithm,
            HeaderError::Critical => Self::Critical,
            HeaderError::PayloadEncoding => Self::PayloadEncoding,
            HeaderError::Encrypted => Self::Encrypted,
        }
    }
}

/// Refuses `cty: JWT` (RFC 7519 §5.2), in any case.
fn refuse_nested(header: &ProtectedHeader) -> Result<(), JwsError> {
    match header.cty() {
        Some(cty) if short_media_type(cty).eq_ignore_ascii_case("JWT") => Err(JwsError::Nested),
        _ => Ok(()),
    }
}

/// The three parts. Counts dots before anything is allocated, and not beyond a JWE's.
fn split(token: &[u8]) -> Result<[&[u8]; 3], JwsError> {
    let mut dots = memchr_iter(b'.', token);
    let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
        return Err(JwsError::Parts);
    };
    let parts = (token.get(..first), token.get(first + 1..second), token.get(second + 1..));
    match (parts, dots.take(JWE_PARTS).count()) {
        ((Some([]), ..) | (_, _, Some([])), 0) => Err(JwsError::Parts),
        ((Some(header), Some(payload), Some(signature)), 0) => Ok([header, payload, signature]),
        (_, more) if more + 3 == JWE_PARTS => Err(JwsError::Encrypted),
        _ => Err(JwsError::Parts),
    }
}

fn decode(part: &[u8]) -> Result<Vec<u8>, JwsError> {
    base64url::decode(part).map_err(|_| JwsError::Base64)
}
