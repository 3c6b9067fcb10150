//! A public key as the bare bytes of its point, written in hex.

use std::{fmt, sync::Arc};

use hex::FromHexError;

use super::{KeyRejection, VerificationKey, material::PublicMaterial};
use crate::jose::algorithm::{Curve, ED25519_KEY_BYTES};

/// A public key without any wrapping: of P-256 the coordinates X ‖ Y, also with the `04` of an
/// uncompressed point (SEC 1 §2.3.3) before them; of Ed25519 the 32 bytes of RFC 8032 §5.1.5.
///
/// The bytes don't name their curve, so the length decides: other curves are rejected.
#[derive(Debug, Clone)]
pub struct HexKey {
    text: String,
    key: Arc<VerificationKey>,
}

/// Why a text is no such key. Never quotes the text: it may be a private key, given by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HexKeyError {
    /// A character that is no hex digit.
    #[error("the character at position {0} is no hex digit")]
    Digit(usize),
    /// Half a byte at the end.
    #[error("{0} hex digits are an odd number")]
    Odd(usize),
    /// Neither of the two kinds of key.
    #[error("{0} bytes")]
    Length(usize),
    /// 65 bytes that do not start with `04`.
    #[error("65 bytes that do not start with 04")]
    Prefix,
    /// The right number of bytes, and no sound key.
    #[error("{bytes} bytes, and {rejection}")]
    Unsound {
        /// How many.
        bytes: usize,
        /// What is wrong with the key.
        rejection: KeyRejection,
    },
}

const P256_BYTES: usize = 64;
const P256_POINT_BYTES: usize = 1 + P256_BYTES;
/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;

impl HexKey {
    /// Parses. Upper and lower case are the same.
    pub fn parse(text: &str) -> Result<Self, HexKeyError> {
        let bytes = decode(text)?;
        let length = bytes.len();
        let material = match length {
            P256_BYTES => {
                PublicMaterial::ec_point(Curve::P256, [&[UNCOMPRESSED], &*bytes].concat())
            }
            P256_POINT_BYTES if bytes.first() == Some(&UNCOMPRESSED) => {
                PublicMaterial::ec_point(Curve::P256, bytes)
            }
            P256_POINT_BYTES => return Err(HexKeyError::Prefix),
            ED25519_KEY_BYTES => PublicMaterial::ed25519(&bytes),
            _ => return Err(HexKeyError::Length(length)),
        };
        let key = material.and_then(|material| {
            VerificationKey::from_material(None, &material, material.fitting_algorithms())
        });
        let key = key.map_err(|rejection| HexKeyError::Unsound { bytes: length, rejection })?;
        Ok(Self { text: text.to_ascii_lowercase(), key: Arc::new(key) })
    }

    /// The key to verify with; it has no `kid`.
    pub fn key(&self) -> &Arc<VerificationKey> {
        &self.key
    }
}

impl fmt::Display for HexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for HexKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for HexKey {}

fn decode(text: &str) -> Result<Vec<u8>, HexKeyError> {
    hex::decode(text).map_err(|error| match error {
        FromHexError::InvalidHexCharacter { index, .. } => HexKeyError::Digit(index + 1),
        FromHexError::OddLength | FromHexError::InvalidStringLength => HexKeyError::Odd(text.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        jose::{Algorithm, AlgorithmSet, KeyLimits, SigningKey, base64url},
        json::{Json, Object},
    };

    /// The public members of a fresh key, joined; and the key as its JWK has it.
    fn fresh(alg: Algorithm, members: &[&str]) -> (Vec<u8>, VerificationKey) {
        let jwk: Object = SigningKey::generate(alg, None).unwrap().public_jwk().unwrap();
        let part = |name: &&str| jwk.get(name).and_then(Json::as_str).unwrap().to_owned();
        let parts = members.iter().map(part);
        let bytes = parts.flat_map(|text| base64url::decode(text.as_bytes()).unwrap()).collect();
        (bytes, VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap())
    }

    #[test]
    fn the_coordinates_of_p256_are_an_es256_key() {
        let (point, same) = fresh(Algorithm::Es256, &["x", "y"]);
        for text in [
            hex::encode(&point),
            hex::encode(&point).to_uppercase(),
            format!("04{}", hex::encode(&point)),
        ] {
            let key = HexKey::parse(&text).unwrap();
            assert_eq!(key.key().thumbprint(), same.thumbprint(), "{text}");
            assert_eq!(key.key().algorithms(), AlgorithmSet::from_iter([Algorithm::Es256]));
            assert_eq!(key.key().kid(), None);
            assert_eq!(key.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn thirty_two_bytes_are_an_ed25519_key() {
        let (point, same) = fresh(Algorithm::EdDsa, &["x"]);
        let key = HexKey::parse(&hex::encode(&point)).unwrap();
        assert_eq!(key.key().thumbprint(), same.thumbprint());
        assert_eq!(key.key().kind(), "OKP Ed25519");
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_was_found() {
        let (point, _) = fresh(Algorithm::Es256, &["x", "y"]);
        let point = hex::encode(&point);
        for (text, problem) in [
            (String::new(), "0 bytes"),
            (point.replacen(|_| true, "g", 1), "the character at position 1 is no hex digit"),
            (format!("0x{point}"), "the character at position 2 is no hex digit"),
            (format!("{point}ä"), "the character at position 129 is no hex digit"),
            (point[1..].to_owned(), "127 hex digits are an odd number"),
            (point[2..].to_owned(), "63 bytes"),
            (format!("02{}", &point[..64]), "33 bytes"),
            (format!("03{point}"), "65 bytes that do not start with 04"),
            ("00".repeat(96), "96 bytes"),
            ("11".repeat(64), "64 bytes, and its point is not a sound point of the curve"),
            // The neutral element, under which every signature could be made.
            (format!("01{}", "00".repeat(31)), "32 bytes, and its point is not a sound point"),
        ] {
            let error = HexKey::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with(problem), "{text}: {error}");
        }
    }
}
