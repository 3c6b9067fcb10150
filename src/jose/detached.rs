//! Signatures over something that travels beside them: detached JWS (RFC 7515 appendix F,
//! RFC 7797) and the ways in which others write them.
//!
//! [`DetachedJws`] is the text, split without trust. [`DetachedJws::begin`] takes the payload as it
//! comes, and [`SignedPayload::verifies_under`] brings it together with a key.

mod dialect;
mod payload;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::Digest;

use super::{
    Algorithm, VerificationKey, base64url,
    header::{HeaderError, ProtectedHeader, Understood, short_media_type},
    jws::MAX_HEADER_BYTES,
};

pub use self::{
    dialect::{Dialect, DialectSet},
    payload::{PayloadReader, SignedPayload},
};

/// A detached signature of which nothing is verified yet.
#[derive(Debug)]
pub struct DetachedJws {
    dialect: Dialect,
    /// The header as it was written, in base64url: a part of what is signed.
    written_header: String,
    header: ProtectedHeader,
    signature: Vec<u8>,
}

/// Why a text is not an acceptable detached signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetachedError {
    /// Neither `header..signature` nor `header.signature`.
    #[error("neither header..signature nor header.signature")]
    Parts,
    /// The payload is in it: what was signed may be something else than what was sent.
    #[error("the payload is in the signature")]
    Attached,
    /// A header beyond [`MAX_HEADER_BYTES`].
    #[error("the header is too long")]
    HeaderTooLong,
    /// A part that is not canonical base64url.
    #[error("a part is not canonical base64url")]
    Base64,
    /// The header is not acceptable JSON, or a member of it not what it has to be.
    #[error("the header or one of its members is malformed")]
    Header,
    /// No `alg`, or one that is not known (`none` among them).
    #[error("the algorithm is not supported")]
    Algorithm,
    /// It is a JWT's, written as one over a body would be: anyone who has a token of the signer's
    /// could pass with its claims as the body (RFC 8725 §3.11).
    #[error("its typ says that it is a JWT's, which signs claims and no body")]
    Token,
    /// `crit` names something that is not understood or not there, or is malformed.
    #[error("a critical header parameter is not understood")]
    Critical,
}

impl DetachedJws {
    /// Splits a text and reads its protected header. `understood` are the header parameters,
    /// besides `b64`, that the caller looks at: those that may be critical, and `typ` where it may
    /// be a JWT's.
    ///
    /// The dialect follows from the text alone, not from what the caller expects: a signature of
    /// one dialect is never verified as another (threats S-5).
    ///
    /// # Errors
    /// See [`DetachedError`].
    pub fn parse(text: &str, understood: &[String]) -> Result<Self, DetachedError> {
        let (written_header, signature, has_payload_part) = split(text)?;
        if written_header.len() > MAX_HEADER_BYTES {
            return Err(DetachedError::HeaderTooLong);
        }
        let decoded = decode(written_header)?;
        let header = ProtectedHeader::parse(&decoded, Understood::B64And(understood))?;
        let dialect = match (has_payload_part, header.is_unencoded, header.is_critical("b64")) {
            (true, true, true) => Dialect::Rfc7797,
            (true, true, false) => Dialect::B64FalseWithoutCrit,
            (true, false, _) => Dialect::Detached,
            (false, false, _) => Dialect::TwoPart,
            // No standard defines this combination.
            (false, true, _) => return Err(DetachedError::Parts),
        };
        if dialect.encodes_payload() && is_of_jwt(&header) && !understood.iter().any(is_typ) {
            return Err(DetachedError::Token);
        }
        let (written_header, signature) = (written_header.to_owned(), decode(signature)?);
        Ok(Self { dialect, written_header, header, signature })
    }

    /// How it is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The header's `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The protected header.
    pub fn header(&self) -> &ProtectedHeader {
        &self.header
    }

    /// Whether it is valid for a payload of which only the signed hash is known, as
    /// [`SignedPayload::digest`] gave it. `false` also where the algorithm signs no hash.
    pub fn verifies_with_hash(&self, key: &VerificationKey, hash: &[u8]) -> bool {
        let algorithm = self.header.algorithm;
        let digest = algorithm.hash().and_then(|of| Digest::import_less_safe(hash, of).ok());
        digest.is_some_and(|digest| key.verify_digest(algorithm, &digest, &self.signature))
    }

    /// Begins with the payload.
    pub fn begin(self) -> PayloadReader {
        PayloadReader::new(self)
    }
}

impl From<HeaderError> for DetachedError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Algorithm => Self::Algorithm,
            HeaderError::Critical => Self::Critical,
            // An encrypted or compressed payload is none that we would see.
            HeaderError::Json(_)
            | HeaderError::Member(_)
            | HeaderError::PayloadEncoding
            | HeaderError::Encrypted => Self::Header,
        }
    }
}

/// Header and signature, and whether there is an (empty) part for the payload between them.
fn split(text: &str) -> Result<(&str, &str, bool), DetachedError> {
    let parts: Vec<&str> = text.splitn(4, '.').collect();
    match parts.as_slice() {
        [header, signature] if !header.is_empty() && !signature.is_empty() => {
            Ok((header, signature, false))
        }
        [header, "", signature] if !header.is_empty() && !signature.is_empty() => {
            Ok((header, signature, true))
        }
        [_, payload, _] if !payload.is_empty() => Err(DetachedError::Attached),
        _ => Err(DetachedError::Parts),
    }
}

/// Whether its `typ` is that of a JWT, of whatever kind. Media types are compared without regard to
/// case.
fn is_of_jwt(header: &ProtectedHeader) -> bool {
    header.typ().is_some_and(|typ| {
        let typ = short_media_type(typ).to_ascii_lowercase();
        typ == "jwt" || typ.ends_with("+jwt")
    })
}

fn is_typ(name: &String) -> bool {
    name == "typ"
}

fn decode(part: &str) -> Result<Vec<u8>, DetachedError> {
    base64url::decode(part.as_bytes()).map_err(|_| DetachedError::Base64)
}
