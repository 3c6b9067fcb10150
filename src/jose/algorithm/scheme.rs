//! What an algorithm is made of: the library's constants, curves and key types.

use aws_lc_rs::{
    hmac,
    signature::{
        EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, PqdsaSigningAlgorithm,
        PqdsaVerificationAlgorithm, RsaParameters, RsaSignatureEncoding,
    },
};

/// The cryptography of an algorithm.
#[derive(Debug, Clone, Copy)]
pub(in crate::jose) enum Scheme {
    /// PKCS#1 v1.5 or PSS; PSS with a salt as long as the hash (RFC 7518 §3.5). A signature is as
    /// long as the modulus.
    Rsa { verify: &'static RsaParameters, sign: &'static RsaSignatureEncoding },
    /// Fixed-length R ‖ S (RFC 7518 §3.4), each as long as a coordinate.
    Ecdsa {
        curve: Curve,
        verify: &'static EcdsaVerificationAlgorithm,
        sign: &'static EcdsaSigningAlgorithm,
    },
    /// Pure Ed25519 (RFC 8032); the only Edwards curve aws-lc has.
    Ed25519,
    /// A tag as long as the hash.
    Hmac(hmac::Algorithm),
    /// Pure ML-DSA (FIPS 204) with an empty context.
    MlDsa {
        verify: &'static PqdsaVerificationAlgorithm,
        sign: &'static PqdsaSigningAlgorithm,
        public_bytes: usize,
        signature_bytes: usize,
    },
}

pub(super) const fn rsa(
    verify: &'static RsaParameters,
    sign: &'static RsaSignatureEncoding,
) -> Scheme {
    Scheme::Rsa { verify, sign }
}

pub(super) const fn ecdsa(
    curve: Curve,
    verify: &'static EcdsaVerificationAlgorithm,
    sign: &'static EcdsaSigningAlgorithm,
) -> Scheme {
    Scheme::Ecdsa { curve, verify, sign }
}

pub(super) const fn ml_dsa(
    verify: &'static PqdsaVerificationAlgorithm,
    sign: &'static PqdsaSigningAlgorithm,
    public_bytes: usize,
    signature_bytes: usize,
) -> Scheme {
    Scheme::MlDsa { verify, sign, public_bytes, signature_bytes }
}

/// The `crv` of Ed25519 (RFC 8037 §2).
pub(in crate::jose) const ED25519_CURVE: &str = "Ed25519";
/// Bytes of an Ed25519 public key or seed (RFC 8032 §5.1.5).
pub(in crate::jose) const ED25519_KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature (RFC 8032 §5.1.6).
pub(in crate::jose) const ED25519_SIGNATURE_BYTES: usize = 64;

/// A NIST curve of RFC 7518 §6.2.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::jose) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The `crv` value.
    pub(in crate::jose) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The curve of a `crv` value, compared byte for byte.
    pub(in crate::jose) fn from_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }

    /// Bytes of one coordinate, of R, of S and of the private key.
    pub(in crate::jose) fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The `kty` of a key (RFC 7518 §6.1, RFC 8037 §2; `AKP` for ML-DSA).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::jose) enum KeyType {
    Rsa,
    Ec,
    Okp,
    Oct,
    Akp,
}

impl KeyType {
    /// The registered name.
    pub(in crate::jose) fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec => "EC",
            Self::Okp => "OKP",
            Self::Oct => "oct",
            Self::Akp => "AKP",
        }
    }

    /// The type of a registered name, compared byte for byte.
    pub(in crate::jose) fn from_name(name: &str) -> Option<Self> {
        [Self::Rsa, Self::Ec, Self::Okp, Self::Oct, Self::Akp]
            .into_iter()
            .find(|kty| kty.name() == name)
    }
}
