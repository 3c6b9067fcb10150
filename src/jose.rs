//! Strict JOSE: pure functions over bytes. No I/O, no clock, no configuration.
//!
//! The order of trust: [`jwk`] turns key documents into [`VerificationKey`]s that are sound and
//! parsed once; [`jws`] splits a compact serialisation without believing it; only
//! [`CompactJws::verify`] brings the two together.

pub mod algorithm;
pub mod base64url;
pub mod detached;
mod header;
pub mod jwk;
pub mod jws;
pub mod signing;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, AlgorithmSet};
pub use detached::{DetachedError, DetachedJws, Dialect, DialectSet, PayloadReader, SignedPayload};
pub use header::{MAX_KID_BYTES, NoCertificateHash, ProtectedHeader, short_media_type};
pub use jwk::{
    CertificateSha1, CertificateSha256, HexKey, HexKeyError, JwkSet, JwkSetError, KeyLimits,
    KeyRejection, PemError, SkippedKey, Thumbprint, VerificationKey,
};
pub use jws::{CompactJws, JwsError, MAX_HEADER_BYTES, VerifyError, verify_compact};
pub use signing::{SigningError, SigningKey};
