//! What the files of `[server.tls]` hold.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{
    CertificateError, Error, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs,
    pki_types::{self, CertificateDer, PrivateKeyDer, pem::PemObject},
    server::ParsedCertificate,
    sign::{CertifiedKey, SigningKey},
};
use zeroize::Zeroizing;

use crate::{
    clock::UnixTime,
    config::{
        files::{read_whole, readable_file},
        node::Node,
        reader::Parsed,
    },
    tls::settings::{SECTION, TlsSettings, key},
};

/// The content of all files at one moment.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, its chain, and the key that belongs to it.
    pub identity: Arc<CertifiedKey>,
    /// Whose certificates clients may show; `None` if they are not asked.
    pub client_authorities: Option<Arc<RootCertStore>>,
}

/// A file that can't be used. The text names its key and its path, and shows nothing of what it
/// holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}.{key}: {problem}", SECTION)]
pub struct TlsFileError {
    key: &'static str,
    problem: String,
}

/// The largest accepted PEM file, in bytes: the bundle of a whole operating system's authorities
/// is a quarter of it.
pub(crate) const MAX_FILE_BYTES: u64 = 1024 * 1024;

impl TlsSettings {
    /// Reads the files as they are now.
    ///
    /// # Errors
    /// The first file that can't be used, by its key. The settings were right when they were
    /// loaded, but files change.
    pub fn read(&self) -> Result<TlsFiles, TlsFileError> {
        let at = |key| move |problem| TlsFileError { key, problem };
        let chain = chain(&self.certificate).map_err(at(key::CERTIFICATE))?;
        let own_key = private_key(&self.private_key).map_err(at(key::PRIVATE_KEY))?;
        let of_certificate = format!("{SECTION}.{}", key::CERTIFICATE);
        let identity = identity(chain, own_key, &self.private_key, &of_certificate)
            .map_err(at(key::PRIVATE_KEY))?;
        let client_authorities = match &self.client_auth {
            None => None,
            Some(auth) => {
                let roots = authorities(&auth.authorities).map_err(at(key::CLIENT_CA))?;
                Some(Arc::new(roots))
            }
        };
        Ok(TlsFiles { identity: Arc::new(identity), client_authorities })
    }
}

impl TlsFiles {
    /// Whether both hold the same certificates. Then the key is the same, too: it belongs to the
    /// certificate.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_authorities = match (&self.client_authorities, &other.client_authorities) {
            (None, None) => true,
            (Some(one), Some(two)) => one.roots == two.roots,
            _ => false,
        };
        same_authorities && self.identity.cert == other.identity.cert
    }

    /// Why clients will refuse the certificate at that moment, if its validity is the reason.
    pub fn validity_problem(&self, now: UnixTime) -> Option<String> {
        let (leaf, chain) = self.identity.cert.split_first()?;
        let leaf = ParsedCertificate::try_from(leaf).ok()?;
        let since_epoch = Duration::from_secs(now.0.try_into().ok()?);
        // Trusted by nobody, it is refused in any case; its validity is what is looked at first.
        let refused = verify_server_cert_signed_by_trust_anchor(
            &leaf,
            &RootCertStore::empty(),
            chain,
            pki_types::UnixTime::since_unix_epoch(since_epoch),
            aws_lc_rs::default_provider().signature_verification_algorithms.all,
        );
        match refused {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(format!("expired at {}", date(not_after))),
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) => Some(format!("not valid before {}", date(not_before))),
            _ => None,
        }
    }
}

const MALFORMED: &str = "holds a malformed certificate";

/// The certificates of a PEM file, in their order.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    const EXPECTED: &str = "expected PEM with the certificate first and its chain behind it";
    let certificates = certificates(path, EXPECTED)?;
    for certificate in &certificates {
        if ParsedCertificate::try_from(certificate).is_err() {
            return Err(in_file(path, MALFORMED, EXPECTED));
        }
    }
    Ok(certificates)
}

/// A PEM file with at least one certificate of an authority, all of them well-formed.
pub(crate) fn authorities_file(node: &Node) -> Parsed<PathBuf> {
    let path = readable_file(node)?;
    authorities(&path)?;
    Ok(path)
}

/// The authorities of a PEM file. Other files of the kind tolerate what can't be read; here it
/// might be the one that was meant.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, String> {
    const EXPECTED: &str = "expected PEM with the certificates of authorities";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, EXPECTED)? {
        roots.add(certificate).map_err(|_| in_file(path, MALFORMED, EXPECTED))?;
    }
    Ok(roots)
}

/// The private key of a PEM file.
pub(crate) fn private_key(path: &Path) -> Result<Arc<dyn SigningKey>, String> {
    const EXPECTED: &str = "expected PEM with one RSA, ECDSA or Ed25519 key that is not encrypted \
                            (PKCS#8, SEC1 or PKCS#1)";
    let pem = read(path, EXPECTED)?;
    let mut keys = PrivateKeyDer::pem_slice_iter(&pem);
    // What is wrong with a key is not told: the words would be those of a secret.
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
pub(crate) fn identity(
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

fn date(time: pki_types::UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    UnixTime(seconds).to_rfc3339()
}
