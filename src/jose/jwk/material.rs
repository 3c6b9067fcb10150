//! Public key material, checked: what a JWK, an SPKI and a certificate have in common.

use aws_lc_rs::signature::{self, ParsedPublicKey};

use super::{KeyLimits, KeyRejection, binding::required, rsa::RsaPublic, verifier::Verifier};
use crate::{
    jose::{
        Algorithm, AlgorithmSet,
        algorithm::{
            Curve, ED25519_CURVE, ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, KeyType, Scheme,
        },
        base64url,
    },
    json::Object,
};

/// A sound public key, not yet bound to an algorithm.
#[derive(Debug)]
pub(super) enum PublicMaterial {
    Rsa(RsaPublic),
    /// The uncompressed point (SEC 1 §2.3.3): `04`, x, y.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519([u8; ED25519_KEY_BYTES]),
    MlDsa {
        alg: Algorithm,
        key: Vec<u8>,
    },
}

impl PublicMaterial {
    /// From the members of a JWK.
    pub(super) fn from_jwk(jwk: &Object, limits: &KeyLimits) -> Result<Self, KeyRejection> {
        let kty = required(jwk, "kty")?;
        match KeyType::from_name(kty).ok_or(KeyRejection::KeyTypeUnsupported)? {
            KeyType::Rsa => Self::rsa(bytes(jwk, "n")?, bytes(jwk, "e")?, limits),
            KeyType::Ec => {
                let curve = Curve::from_name(required(jwk, "crv")?)
                    .ok_or(KeyRejection::CurveUnsupported)?;
                let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
                Self::ec(curve, &x, &y)
            }
            KeyType::Okp => {
                if required(jwk, "crv")? != ED25519_CURVE {
                    return Err(KeyRejection::CurveUnsupported);
                }
                Self::ed25519(&bytes(jwk, "x")?)
            }
            KeyType::Akp => {
                let alg = Algorithm::from_name(required(jwk, "alg")?)
                    .ok_or(KeyRejection::AlgorithmUnsupported)?;
                Self::ml_dsa(alg, bytes(jwk, "pub")?)
            }
            KeyType::Oct => Err(KeyRejection::SharedSecret),
        }
    }

    /// An RSA key from modulus and exponent, big-endian.
    pub(super) fn rsa(
        modulus: Vec<u8>,
        exponent: Vec<u8>,
        limits: &KeyLimits,
    ) -> Result<Self, KeyRejection> {
        RsaPublic::check(modulus, exponent, limits).map(Self::Rsa)
    }

    /// A curve point from its coordinates, which must have their full length (RFC 7518 §6.2.1.2).
    pub(super) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyRejection> {
        for (name, coordinate) in [("x", x), ("y", y)] {
            if coordinate.len() != curve.coordinate_bytes() {
                return Err(KeyRejection::MemberMalformed(name));
            }
        }
        Self::ec_point(curve, [&[UNCOMPRESSED], x, y].concat())
    }

    /// A curve point in uncompressed form.
    pub(super) fn ec_point(curve: Curve, point: Vec<u8>) -> Result<Self, KeyRejection> {
        let uncompressed = point.first() == Some(&UNCOMPRESSED);
        if !uncompressed || point.len() != 1 + 2 * curve.coordinate_bytes() {
            return Err(KeyRejection::PointInvalid);
        }
        Ok(Self::Ec { curve, point })
    }

    /// An Ed25519 key: canonical and not of small order (RFC 8032 §5.1.3, threats T-10).
    pub(super) fn ed25519(key: &[u8]) -> Result<Self, KeyRejection> {
        let key = <[u8; ED25519_KEY_BYTES]>::try_from(key)
            .map_err(|_| KeyRejection::MemberMalformed("x"))?;
        if is_canonical(key) && !is_small_order(key) {
            Ok(Self::Ed25519(key))
        } else {
            Err(KeyRejection::PointInvalid)
        }
    }

    /// An ML-DSA key; the algorithm names the parameter set.
    pub(super) fn ml_dsa(alg: Algorithm, key: Vec<u8>) -> Result<Self, KeyRejection> {
        match alg.scheme() {
            Scheme::MlDsa { public_bytes, .. } if key.len() == public_bytes => {
                Ok(Self::MlDsa { alg, key })
            }
            Scheme::MlDsa { .. } => Err(KeyRejection::MemberMalformed("pub")),
            _ => Err(KeyRejection::AlgorithmMismatch),
        }
    }

    /// The algorithms that such a key can be used with.
    pub(super) fn fitting_algorithms(&self) -> AlgorithmSet {
        let fits = |alg: &Algorithm| match (self, alg.scheme()) {
            (Self::Rsa(_), Scheme::Rsa { .. }) | (Self::Ed25519(_), Scheme::Ed25519) => true,
            (Self::Ec { curve, .. }, Scheme::Ecdsa { curve: of_alg, .. }) => *curve == of_alg,
            (Self::MlDsa { alg: own, .. }, Scheme::MlDsa { .. }) => own == alg,
            _ => false,
        };
        Algorithm::ALL.iter().copied().filter(fits).collect()
    }

    /// The key parsed for one algorithm that fits it.
    pub(super) fn verifier(&self, alg: Algorithm) -> Result<Verifier, KeyRejection> {
        let (parsed, signature_bytes) = match (self, alg.scheme()) {
            (Self::Rsa(key), Scheme::Rsa { verify, .. }) => {
                (key.parse(verify)?, key.modulus().len())
            }
            (Self::Ec { point, .. }, Scheme::Ecdsa { verify, curve, .. }) => (
                ParsedPublicKey::new(verify, point).map_err(|_| KeyRejection::PointInvalid)?,
                2 * curve.coordinate_bytes(),
            ),
            (Self::Ed25519(key), Scheme::Ed25519) => (
                ParsedPublicKey::new(&signature::ED25519, key)
                    .map_err(|_| KeyRejection::PointInvalid)?,
                ED25519_SIGNATURE_BYTES,
            ),
            (Self::MlDsa { key, .. }, Scheme::MlDsa { verify, signature_bytes, .. }) => (
                ParsedPublicKey::new(verify, key).map_err(|_| KeyRejection::Unsound)?,
                signature_bytes,
            ),
            _ => return Err(KeyRejection::AlgorithmMismatch),
        };
        Verifier::public(alg, parsed, signature_bytes)
    }

    /// A display name.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Rsa(key) => format!("RSA {}", key.bits()),
            Self::Ec { curve, .. } => format!("EC {}", curve.name()),
            Self::Ed25519(_) => format!("OKP {ED25519_CURVE}"),
            Self::MlDsa { alg, .. } => format!("AKP {alg}"),
        }
    }
}

/// The first byte of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The bytes of a required base64url member.
fn bytes(jwk: &Object, name: &'static str) -> Result<Vec<u8>, KeyRejection> {
    base64url::decode(required(jwk, name)?.as_bytes())
        .map_err(|_| KeyRejection::MemberMalformed(name))
}

/// The y coordinate of an encoded Ed25519 point, big-endian: the last byte's top bit is x's sign.
fn y_coordinate(mut key: [u8; ED25519_KEY_BYTES]) -> [u8; ED25519_KEY_BYTES] {
    key.reverse();
    if let Some(top) = key.first_mut() {
        *top &= 0x7f;
    }
    key
}

/// Whether y is below the field's prime 2²⁵⁵-19 (RFC 8032 §5.1.3 step 1).
fn is_canonical(key: [u8; ED25519_KEY_BYTES]) -> bool {
    let mut prime = [0xff; ED25519_KEY_BYTES];
    prime[0] = 0x7f;
    prime[ED25519_KEY_BYTES - 1] = 0xed;
    y_coordinate(key) < prime
}

/// Whether the point's order divides 8. Under such a key a signature holds for many messages.
/// The y coordinates of the eight points are 1, -1, 0 and ± the two below, as in libsodium's
/// `ge25519_has_small_order`.
fn is_small_order(key: [u8; ED25519_KEY_BYTES]) -> bool {
    const ORDER_8: [[u8; ED25519_KEY_BYTES]; 2] = [
        [
            0x05, 0xfc, 0x6d, 0x53, 0x88, 0x02, 0x38, 0xb1, 0x39, 0x63, 0xc6, 0xd3, 0x05, 0xac,
            0xdf, 0xd5, 0xf0, 0x98, 0xef, 0xf2, 0x89, 0xf4, 0xc3, 0x45, 0xb0, 0x27, 0xb2, 0xc2,
            0x8f, 0x95, 0xe8, 0x26,
        ],
        [
            0x7a, 0x03, 0xac, 0x92, 0x77, 0xfd, 0xc7, 0x4e, 0xc6, 0xcc, 0x39, 0x2c, 0xfa, 0x53,
            0x20, 0x2a, 0x0f, 0x67, 0x10, 0x0d, 0x76, 0x0b, 0x3c, 0xba, 0x4f, 0xd8, 0x4d, 0x3d,
            0x70, 0x6a, 0x17, 0xc7,
        ],
    ];
    let y = y_coordinate(key);
    let zero = [0; ED25519_KEY_BYTES];
    let mut one = zero;
    one[ED25519_KEY_BYTES - 1] = 1;
    let mut minus_one = [0xff; ED25519_KEY_BYTES];
    minus_one[0] = 0x7f;
    minus_one[ED25519_KEY_BYTES - 1] = 0xec;
    [zero, one, minus_one].contains(&y) || ORDER_8.contains(&y)
}
