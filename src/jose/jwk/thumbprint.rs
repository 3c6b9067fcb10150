//! JWK thumbprints (RFC 7638, RFC 8037 §2 and appendix A.3; `AKP` as in ML-DSA for JOSE).

use std::fmt;

use aws_lc_rs::digest::{self, SHA256};

use super::material::PublicMaterial;
use crate::jose::{
    algorithm::{ED25519_CURVE, KeyType},
    base64url,
};

/// RFC 7638 SHA-256 thumbprint: the identity of a key whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub(crate) [u8; 32]);

impl Thumbprint {
    /// As base64url, the usual way to write it.
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }

    /// Of public material, over its canonical form.
    pub(super) fn of(material: &PublicMaterial) -> Self {
        Self::sha256(&canonical(material))
    }

    /// Of a shared secret. Not to be shown: it allows offline guessing of a weak secret (RFC 7638
    /// §7).
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        Self::sha256(&format!(
            r#"{{"k":"{}","kty":"{}"}}"#,
            base64url::encode(secret),
            KeyType::Oct.name(),
        ))
    }

    fn sha256(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.iter_mut()
            .zip(digest::digest(&SHA256, text.as_bytes()).as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(hash)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({})", self.to_text())
    }
}

/// The required members in lexical order, without white space (RFC 7638 §3.2-3.3). No value needs
/// escaping: all are base64url or registered names.
pub(super) fn canonical(material: &PublicMaterial) -> String {
    match material {
        PublicMaterial::Rsa(key) => format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            base64url::encode(key.exponent()),
            base64url::encode(key.modulus()),
        ),
        PublicMaterial::Ec { curve, point } => {
            let (x, y) = coordinates(point);
            format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                curve.name(),
                base64url::encode(x),
                base64url::encode(y),
            )
        }
        PublicMaterial::Ed25519(key) => {
            format!(r#"{{"crv":"{ED25519_CURVE}","kty":"OKP","x":"{}"}}"#, base64url::encode(key))
        }
        PublicMaterial::MlDsa { alg, key } => {
            format!(r#"{{"alg":"{alg}","kty":"AKP","pub":"{}"}}"#, base64url::encode(key))
        }
    }
}

/// The two halves of an uncompressed point after its first byte.
fn coordinates(point: &[u8]) -> (&[u8], &[u8]) {
    let both = point.get(1..).unwrap_or_default();
    both.split_at_checked(both.len() / 2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::{
        jose::{KeyLimits, VerificationKey},
        json::Object,
    };

    fn thumbprint(jwk: &str) -> String {
        let jwk = Object::parse(jwk.as_bytes()).unwrap();
        VerificationKey::from_jwk(&jwk, &KeyLimits::default()).unwrap().thumbprint().to_text()
    }

    /// RFC 7638 §3.1.
    #[test]
    fn rsa_as_in_rfc_7638() {
        let modulus = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS",
            "oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65",
            "YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr",
            "dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK",
            "nqDKgw",
        );
        let jwk = format!(
            r#"{{"kty":"RSA","n":"{modulus}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#
        );
        assert_eq!(thumbprint(&jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 8037 appendix A.3.
    #[test]
    fn ed25519_as_in_rfc_8037() {
        assert_eq!(
            thumbprint(
                r#"{"kty":"OKP","crv":"Ed25519",
                    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
            ),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn what_is_not_the_key_does_not_matter() {
        let key =
            r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        let plain = thumbprint(&format!("{{{key}}}"));
        let named = thumbprint(&format!(r#"{{"use":"sig","kid":"a","alg":"Ed25519",{key}}}"#));
        assert_eq!(plain, named);
    }
}
