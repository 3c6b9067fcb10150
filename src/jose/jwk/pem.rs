//! Public keys in PEM (RFC 7468): SPKI, PKCS#1 and the key of a certificate.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Der, KeyLimits, KeyRejection,
    der::{OBJECT_ID, SEQUENCE},
    material::PublicMaterial,
};
use crate::jose::{Algorithm, algorithm::Curve};

/// Why a text is no PEM document with public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Not PEM.
    #[error("not PEM")]
    Syntax,
    /// No block that holds a public key.
    #[error("no PUBLIC KEY or CERTIFICATE block")]
    NoKeys,
    /// A private key where only public ones belong.
    #[error("a private key where only public keys belong")]
    PrivateKey,
}

/// The key of every block that holds one, in document order. Other blocks (`DH PARAMETERS`, say)
/// are passed over; a private key makes the document fail, since it shows that the wrong file is
/// used.
pub(super) fn keys(
    document: &[u8],
    limits: &KeyLimits,
) -> Result<Vec<Result<PublicMaterial, KeyRejection>>, PemError> {
    let mut keys = Vec::new();
    for (label, der) in blocks(document)? {
        keys.push(match label {
            "PUBLIC KEY" => from_spki(&der, limits),
            "RSA PUBLIC KEY" => from_pkcs1(&der, limits),
            "CERTIFICATE" => from_certificate(&der, limits),
            _ if label.ends_with("PRIVATE KEY") => return Err(PemError::PrivateKey),
            _ => continue,
        });
    }
    if keys.is_empty() {
        return Err(PemError::NoKeys);
    }
    Ok(keys)
}

/// One block as PEM text, in lines of 64 characters.
pub(in crate::jose) fn encode(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (place, c) in BASE64_STANDARD.encode(der).chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.extend(["\n-----END ", label, "-----\n"]);
    pem
}

/// Label and contents of every block. Text around the blocks is allowed (RFC 7468 §2).
///
/// `rustls_pki_types::pem` gives only the blocks that it has names for: `RSA PUBLIC KEY` is none of
/// them, and an `ENCRYPTED PRIVATE KEY` would be passed over, where it must refuse the document.
fn blocks(document: &[u8]) -> Result<Vec<(&str, Vec<u8>)>, PemError> {
    let text = std::str::from_utf8(document).map_err(|_| PemError::Syntax)?;
    let mut blocks = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.lines().map(str::trim_ascii) {
        if let Some(label) = boundary(line, "-----BEGIN ") {
            if open.replace((label, String::new())).is_some() {
                return Err(PemError::Syntax);
            }
        } else if let Some(label) = boundary(line, "-----END ") {
            let (opened, base64) = open.take().ok_or(PemError::Syntax)?;
            let der = BASE64_STANDARD.decode(base64).map_err(|_| PemError::Syntax)?;
            if opened != label {
                return Err(PemError::Syntax);
            }
            blocks.push((label, der));
        } else if let Some((_, base64)) = &mut open {
            base64.push_str(line);
        }
    }
    if open.is_some() {
        return Err(PemError::Syntax);
    }
    Ok(blocks)
}

fn boundary<'l>(line: &'l str, start: &str) -> Option<&'l str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// The `SubjectPublicKeyInfo` of RFC 5280 §4.1.
fn from_spki(der: &[u8], limits: &KeyLimits) -> Result<PublicMaterial, KeyRejection> {
    let mut outer = Der::new(der);
    let spki = outer.enter(SEQUENCE).filter(|_| outer.is_done());
    material(spki.ok_or(MALFORMED_SPKI)?, limits)
}

const MALFORMED_SPKI: KeyRejection = KeyRejection::MemberMalformed("SubjectPublicKeyInfo");

/// The key of an X.509 certificate (RFC 5280 §4.1): the seventh field of what is signed.
fn from_certificate(der: &[u8], limits: &KeyLimits) -> Result<PublicMaterial, KeyRejection> {
    const VERSION: u8 = 0xa0;
    let spki = || {
        let mut to_be_signed = Der::new(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        to_be_signed.skip_if(VERSION);
        to_be_signed.unsigned()?;
        for _signature_issuer_validity_subject in 0..4 {
            to_be_signed.next(SEQUENCE)?;
        }
        to_be_signed.enter(SEQUENCE)
    };
    material(spki().ok_or(KeyRejection::MemberMalformed("CERTIFICATE"))?, limits)
}

/// The fields of a `SubjectPublicKeyInfo`.
fn material(mut spki: Der<'_>, limits: &KeyLimits) -> Result<PublicMaterial, KeyRejection> {
    let mut fields = || {
        let mut algorithm = spki.enter(SEQUENCE)?;
        let id = algorithm.next(OBJECT_ID)?;
        let key = spki.bits().filter(|_| spki.is_done())?;
        Some((id, algorithm, key))
    };
    let (id, mut parameters, key) = fields().ok_or(MALFORMED_SPKI)?;
    match id {
        oid::RSA => from_pkcs1(key, limits),
        oid::EC => {
            let curve = parameters
                .next(OBJECT_ID)
                .and_then(named_curve)
                .ok_or(KeyRejection::CurveUnsupported)?;
            PublicMaterial::ec_point(curve, key.to_vec())
        }
        oid::ED25519 => PublicMaterial::ed25519(key),
        oid::ML_DSA_44 => PublicMaterial::ml_dsa(Algorithm::MlDsa44, key.to_vec()),
        oid::ML_DSA_65 => PublicMaterial::ml_dsa(Algorithm::MlDsa65, key.to_vec()),
        oid::ML_DSA_87 => PublicMaterial::ml_dsa(Algorithm::MlDsa87, key.to_vec()),
        _ => Err(KeyRejection::KeyTypeUnsupported),
    }
}

/// The `RSAPublicKey` of RFC 8017 appendix A.1.1.
fn from_pkcs1(der: &[u8], limits: &KeyLimits) -> Result<PublicMaterial, KeyRejection> {
    let numbers = || {
        let mut outer = Der::new(der);
        let mut key = outer.enter(SEQUENCE)?;
        let numbers = (key.unsigned()?, key.unsigned()?);
        (key.is_done() && outer.is_done()).then_some(numbers)
    };
    let (modulus, exponent) = numbers().ok_or(KeyRejection::MemberMalformed("RSAPublicKey"))?;
    PublicMaterial::rsa(modulus.to_vec(), exponent.to_vec(), limits)
}

fn named_curve(id: &[u8]) -> Option<Curve> {
    match id {
        oid::P256 => Some(Curve::P256),
        oid::P384 => Some(Curve::P384),
        oid::P521 => Some(Curve::P521),
        _ => None,
    }
}

/// Object identifiers, as DER contents.
mod oid {
    /// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 appendix C)
    pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
    pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    /// secp256r1, 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1)
    pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    /// secp384r1, 1.3.132.0.34
    pub(super) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    /// secp521r1, 1.3.132.0.35
    pub(super) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
    /// id-Ed25519, 1.3.101.112 (RFC 8410 §3)
    pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    /// id-ml-dsa-44, 2.16.840.1.101.3.4.3.17 (RFC 9881 §2)
    pub(super) const ML_DSA_44: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11];
    /// id-ml-dsa-65, 2.16.840.1.101.3.4.3.18
    pub(super) const ML_DSA_65: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12];
    /// id-ml-dsa-87, 2.16.840.1.101.3.4.3.19
    pub(super) const ML_DSA_87: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13];
}

#[cfg(test)]
mod tests;
