//! PEM files: certificates, authorities and private keys. Each is read with a bound.
//!
//! An error begins with "the file PATH". It shows nothing of a private key.

use std::{path::Path, sync::Arc};

use rustls::{
    Error, InconsistentKeys, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    server::ParsedCertificate,
    sign::{CertifiedKey, SigningKey},
};
use x509_parser::{prelude::FromDer, revocation_list::CertificateRevocationList};
use zeroize::Zeroizing;

use crate::{clock::UnixTime, config::files::read_whole};

use super::expiry::first_expiry;

/// The largest accepted PEM file, in bytes: the bundle of a whole operating system's authorities
/// is a quarter of it.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Trusted authorities.
#[derive(Debug, Clone)]
pub struct Authorities {
    /// Without their validity, which is not checked.
    pub(super) roots: Arc<RootCertStore>,
    /// When the first of them expires; `None`: that is not known of the system's.
    pub(super) expire: Option<UnixTime>,
}

const MALFORMED: &str = "holds a malformed certificate";

/// The certificates of a PEM file, in their order.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    const EXPECTED: &str = "expected PEM with the certificate first and its chain behind it";
    let certificates = certificates(path, EXPECTED)?;
    for certificate in &certificates {
        if ParsedCertificate::try_from(certificate).is_err() {
            return Err(in_file(path, MALFORMED, EXPECTED));
        }
    }
    Ok(certificates)
}

/// The authorities of a PEM file. Other files of the kind tolerate what can't be read; here it
/// might be the one that was meant.
pub(super) fn authorities(path: &Path) -> Result<Authorities, String> {
    const EXPECTED: &str = "expected PEM with the certificates of authorities";
    let mut roots = RootCertStore::empty();
    let certificates = certificates(path, EXPECTED)?;
    let expire = first_expiry(&certificates);
    for certificate in certificates {
        roots.add(certificate).map_err(|_| in_file(path, MALFORMED, EXPECTED))?;
    }
    Ok(Authorities { roots: Arc::new(roots), expire })
}

/// The revocation lists of a PEM file.
pub(super) fn revocation_lists(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    const EXPECTED: &str = "expected PEM with the revocation lists (X509 CRL) of authorities";
    let pem = read(path, EXPECTED)?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let lists = lists.map_err(|error| in_file(path, &format!("is not PEM: {error}"), EXPECTED))?;
    if lists.is_empty() {
        return Err(in_file(path, "holds no revocation list", EXPECTED));
    }
    let is_well_formed = |list: &CertificateRevocationListDer<'_>| {
        CertificateRevocationList::from_der(list).is_ok_and(|(rest, _)| rest.is_empty())
    };
    if lists.iter().all(is_well_formed) {
        Ok(lists)
    } else {
        Err(in_file(path, "holds a malformed revocation list", EXPECTED))
    }
}

/// The private key of a PEM file.
pub(super) fn private_key(path: &Path) -> Result<Arc<dyn SigningKey>, String> {
    const EXPECTED: &str = "expected PEM with one RSA, ECDSA or Ed25519 key that is not encrypted \
                            (PKCS#8, SEC1 or PKCS#1)";
    let pem = read(path, EXPECTED)?;
    let mut keys = PrivateKeyDer::pem_slice_iter(&pem);
    // A key's parse error is not shown: it could quote the secret.
    let problem = match (keys.next(), keys.next()) {
        (Some(Ok(key)), None) => match aws_lc_rs::sign::any_supported_type(&key) {
            Ok(key) => return Ok(key),
            Err(_) => "holds a private key of an unknown kind",
        },
        (None, _) => "holds no private key",
        (Some(Ok(_)), Some(Ok(_))) => "holds more than one private key",
        (Some(Err(_)), _) | (_, Some(Err(_))) => "is not PEM",
    };
    Err(in_file(path, problem, EXPECTED))
}

/// A certificate and its own key.
pub(super) fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    key_path: &Path,
    certificate: &str,
) -> Result<CertifiedKey, String> {
    let identity = CertifiedKey::new(chain, key);
    let key_path = key_path.display();
    match identity.keys_match() {
        Ok(()) => Ok(identity),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(format!(
            "the key in {key_path} is not the one of the first certificate in {certificate}; \
             expected the key that it was made for"
        )),
        Err(error) => Err(format!("the key in {key_path} can't be used: {error}")),
    }
}

fn certificates(path: &Path, expected: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path, expected)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(in_file(path, "holds no certificate", expected))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(in_file(path, &format!("is not PEM: {error}"), expected)),
    }
}

fn read(path: &Path, expected: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    read_whole(path, MAX_FILE_BYTES).map_err(|problem| in_file(path, &problem, expected))
}

fn in_file(path: &Path, problem: &str, expected: &str) -> String {
    format!("the file {} {problem}; {expected}", path.display())
}
