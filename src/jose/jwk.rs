//! JSON Web Keys (RFC 7517): from a document to keys that are sound, bound to their algorithms
//! and parsed once.

mod binding;
pub(super) mod der;
mod labels;
mod material;
mod pem;
mod raw;
mod rejection;
mod rsa;
mod set;
#[cfg(test)]
mod tests;
mod thumbprint;
mod verifier;

use std::fmt;

use aws_lc_rs::{digest::Digest, hmac};

pub(in crate::jose) use self::labels::certificate_hash;
use self::{labels::KeyLabels, material::PublicMaterial, verifier::Verifier};
pub use self::{
    labels::{CertificateSha1, CertificateSha256},
    pem::PemError,
    raw::{HexKey, HexKeyError},
    rejection::KeyRejection,
    set::{JwkSet, JwkSetError, SkippedKey},
    thumbprint::Thumbprint,
};
use super::{
    Algorithm, AlgorithmSet,
    algorithm::{KeyType, Scheme},
    header::MAX_KID_BYTES,
};
use crate::json::Object;

use self::der::Der;
pub(super) use self::pem::encode as encode_pem;

/// A key that signatures can be checked with. Its `Debug` shows no secret.
pub struct VerificationKey {
    kid: Option<String>,
    kind: String,
    thumbprint: Thumbprint,
    /// The required members of its JWK (RFC 7638 §3.2) as text; `None` for a shared secret.
    public: Option<Box<str>>,
    /// Its other names, boxed: most keys have none.
    labels: Option<Box<KeyLabels>>,
    /// One ready verifier for each algorithm of the key, never empty.
    verifiers: Vec<Verifier>,
}

impl VerificationKey {
    /// From one public JWK. Refused are private keys, shared secrets (they come by configuration
    /// alone, [`VerificationKey::from_secret`]), keys that are not for signatures, and keys that
    /// are not sound.
    pub fn from_jwk(jwk: &Object, limits: &KeyLimits) -> Result<Self, KeyRejection> {
        binding::refuse_private_members(jwk)?;
        binding::refuse_other_uses(jwk)?;
        let kid = binding::text(jwk, "kid")?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID_BYTES) {
            return Err(KeyRejection::MemberMalformed("kid"));
        }
        let material = PublicMaterial::from_jwk(jwk, limits)?;
        let algorithms = binding::algorithms(jwk, &material)?;
        let key = Self::from_material(kid, &material, algorithms)?;
        Ok(Self { labels: KeyLabels::read(jwk), ..key })
    }

    /// From a shared secret (`oct`), for HMAC only. The secret must be at least as long as the
    /// hash of every algorithm it is for (RFC 7518 §3.2).
    pub fn from_secret(secret: &[u8], algorithms: AlgorithmSet) -> Result<Self, KeyRejection> {
        let verifiers = algorithms
            .iter()
            .map(|alg| match alg.scheme() {
                Scheme::Hmac(hmac) if secret.len() < hmac.tag_len() => {
                    Err(KeyRejection::SecretTooShort { required: hmac.tag_len() })
                }
                Scheme::Hmac(hmac) => Ok(Verifier::secret(alg, hmac::Key::new(hmac, secret))),
                _ => Err(KeyRejection::AlgorithmMismatch),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if verifiers.is_empty() {
            return Err(KeyRejection::AlgorithmUnsupported);
        }
        Ok(Self {
            kid: None,
            kind: KeyType::Oct.name().to_owned(),
            thumbprint: Thumbprint::of_secret(secret),
            public: None,
            labels: None,
            verifiers,
        })
    }

    /// From checked material that is bound to algorithms which fit it.
    fn from_material(
        kid: Option<&str>,
        material: &PublicMaterial,
        algorithms: AlgorithmSet,
    ) -> Result<Self, KeyRejection> {
        let verifiers =
            algorithms.iter().map(|alg| material.verifier(alg)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            kid: kid.map(str::to_owned),
            kind: material.kind(),
            thumbprint: Thumbprint::of(material),
            public: Some(thumbprint::canonical(material).into()),
            labels: None,
            verifiers,
        })
    }

    /// The `kid`, if the key has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whose key it is, by the member `issuer` of its JWK: Microsoft's sets hold keys of several
    /// tenants. Most keys say nothing of it.
    pub fn issuer(&self) -> Option<&str> {
        self.labels.as_ref()?.issuer.as_deref()
    }

    /// The SHA-1 hash of its certificate (RFC 7517 §4.8), stated in the JWK or computed.
    pub fn certificate_sha1(&self) -> Option<CertificateSha1> {
        self.labels.as_ref()?.sha1
    }

    /// The SHA-256 hash of its certificate (RFC 7517 §4.9), stated in the JWK or computed.
    pub fn certificate_sha256(&self) -> Option<CertificateSha256> {
        self.labels.as_ref()?.sha256
    }

    /// What a signature under this key may be made with.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.verifiers.iter().map(Verifier::algorithm).collect()
    }

    /// Its RFC 7638 thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Its public JWK: what RFC 7638 requires of it, its `kid`, and its `alg` if it is bound to a
    /// single one. `None` for a shared secret.
    pub fn public_jwk(&self) -> Option<Object> {
        let mut jwk = Object::parse(self.public.as_deref()?.as_bytes()).ok()?;
        if let Some(kid) = self.kid() {
            jwk.insert("kid", kid);
        }
        if let [only] = self.verifiers.as_slice() {
            jwk.insert("alg", only.algorithm().name());
        }
        Some(jwk)
    }

    /// A display name: `RSA 2048`, `EC P-256`, `OKP Ed25519`, `AKP ML-DSA-44`, `oct`.
    pub fn kind(&self) -> String {
        self.kind.clone()
    }

    /// Checks a signature. `false` also where the algorithm is not one of the key's.
    pub fn verify(&self, alg: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .find(|verifier| verifier.algorithm() == alg)
            .is_some_and(|verifier| verifier.verify(message, signature))
    }
}

impl VerificationKey {
    /// Checks a signature over a message of which only the algorithm's hash is there. `false` also
    /// where the algorithm is not one of the key's, or does not sign a hash.
    pub(super) fn verify_digest(&self, alg: Algorithm, digest: &Digest, signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .find(|verifier| verifier.algorithm() == alg)
            .is_some_and(|verifier| verifier.verify_digest(digest, signature))
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("kind", &self.kind)
            .field("algorithms", &self.algorithms().iter().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Bounds on keys that come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLimits {
    /// The most keys taken from one set.
    pub max_keys: usize,
    /// The largest RSA modulus in bits; never above [`KeyLimits::MAX_RSA_BITS`].
    pub max_rsa_bits: usize,
}

impl KeyLimits {
    /// The smallest RSA modulus (RFC 7518 §3.3).
    pub const MIN_RSA_BITS: usize = 2048;
    /// What aws-lc verifies at most; beyond, a forged signature would buy too much CPU.
    pub const MAX_RSA_BITS: usize = 8192;
    /// Providers publish a handful of keys; this leaves room and bounds what a set can cost.
    pub const DEFAULT_MAX_KEYS: usize = 100;
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self { max_keys: Self::DEFAULT_MAX_KEYS, max_rsa_bits: Self::MAX_RSA_BITS }
    }
}
