//! What a JWK says of its key besides `kid`: the hashes of its certificate, and whose it is.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    jose::base64url,
    json::{Json, Object},
};

/// The SHA-1 hash of a certificate (`x5t`). It only names a key: that the key is the right one is
/// shown by the signature.
pub type CertificateSha1 = [u8; 20];
/// The SHA-256 hash of a certificate (`x5t#S256`).
pub type CertificateSha256 = [u8; 32];

/// Names of a key that most keys do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyLabels {
    pub(super) issuer: Option<Box<str>>,
    pub(super) sha1: Option<CertificateSha1>,
    pub(super) sha256: Option<CertificateSha256>,
}

impl KeyLabels {
    /// What the JWK says; `None`: nothing. A hash that can't be read, or that contradicts the
    /// certificate beside it, is none: no key is found by it. An `issuer` that is no text is the name
    /// of no issuer.
    pub(super) fn read(jwk: &Object) -> Option<Box<Self>> {
        let certificate = first_certificate(jwk);
        let certificate = certificate.as_deref();
        let issuer = jwk.get("issuer").map(|issuer| issuer.as_str().unwrap_or_default().into());
        let sha1 = hash(jwk, "x5t", certificate, &SHA1_FOR_LEGACY_USE_ONLY);
        let sha256 = hash(jwk, "x5t#S256", certificate, &SHA256);
        let labels = Self { issuer, sha1, sha256 };
        (labels != Self::default()).then(|| Box::new(labels))
    }
}

/// The value of a header parameter or a member that is a hash in base64url.
pub(in crate::jose) fn certificate_hash<const N: usize>(value: &Json) -> Option<[u8; N]> {
    base64url::decode(value.as_str()?.as_bytes()).ok()?.try_into().ok()
}

fn hash<const N: usize>(
    jwk: &Object,
    member: &str,
    certificate: Option<&[u8]>,
    algorithm: &'static digest::Algorithm,
) -> Option<[u8; N]> {
    let computed = || digest::digest(algorithm, certificate?).as_ref().try_into().ok();
    match (jwk.get(member), computed()) {
        (None, computed) => computed,
        (Some(stated), None) => certificate_hash(stated),
        (Some(stated), Some(computed)) => certificate_hash(stated).filter(|hash| *hash == computed),
    }
}

/// The DER of the key's own certificate (RFC 7517 §4.7).
fn first_certificate(jwk: &Object) -> Option<Vec<u8>> {
    let first = jwk.get("x5c")?.as_array()?.first()?.as_str()?;
    STANDARD.decode(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &[u8] = b"a certificate";

    fn sha256() -> String {
        base64url::encode(digest::digest(&SHA256, CERTIFICATE).as_ref())
    }

    fn sha1() -> String {
        base64url::encode(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, CERTIFICATE).as_ref())
    }

    fn labels(members: &str) -> Option<Box<KeyLabels>> {
        KeyLabels::read(&Object::parse(format!("{{{members}}}").as_bytes()).unwrap())
    }

    #[test]
    fn k16_the_hashes_are_stated_or_those_of_the_first_certificate() {
        let certificate = STANDARD.encode(CERTIFICATE);
        let chain = format!(r#""x5c":["{certificate}","bm90IHRoaXM="]"#);
        let stated = format!(r#""x5t":"{}","x5t#S256":"{}""#, sha1(), sha256());
        for members in [chain.clone(), stated.clone(), format!("{chain},{stated}")] {
            let labels = labels(&members).unwrap();
            assert_eq!(base64url::encode(&labels.sha1.unwrap()), sha1(), "{members}");
            assert_eq!(base64url::encode(&labels.sha256.unwrap()), sha256(), "{members}");
        }
    }

    #[test]
    fn k16_a_hash_that_is_malformed_or_contradicts_the_certificate_is_none() {
        assert_eq!(labels(r#""kid":"k""#), None);
        let certificate = STANDARD.encode(CERTIFICATE);
        for members in [
            r#""x5t":"""#.to_owned(),
            r#""x5t":7"#.to_owned(),
            format!(r#""x5t":"{}""#, sha256()),
            format!(r#""x5t":"{}=""#, sha1()),
            r#""x5c":[]"#.to_owned(),
            r#""x5c":["?"]"#.to_owned(),
            r#""x5c":"text""#.to_owned(),
        ] {
            assert_eq!(labels(&members), None, "{members}");
        }
        let other = base64url::encode(&[7; 32]);
        let contradiction =
            labels(&format!(r#""x5c":["{certificate}"],"x5t#S256":"{other}""#)).unwrap();
        assert_eq!(contradiction.sha256, None);
        assert!(contradiction.sha1.is_some());
    }

    #[test]
    fn c18_an_issuer_that_is_no_text_owns_no_key() {
        let issuer = |members: &str| labels(members).and_then(|labels| labels.issuer);
        assert_eq!(issuer(r#""issuer":"https://a""#).as_deref(), Some("https://a"));
        assert_eq!(issuer(r#""issuer":7"#).as_deref(), Some(""));
        assert_eq!(issuer(r#""issuer":null,"x5t":"x""#), None);
    }
}
