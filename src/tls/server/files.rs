//! What the files of `[server.tls]` hold at one moment.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, Error, RootCertStore, client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs, pki_types, server::ParsedCertificate, sign::CertifiedKey,
};

use crate::{
    clock::UnixTime,
    tls::{
        files::{authorities, chain, identity, private_key},
        settings::{SECTION, TlsSettings, key},
    },
};

/// The content of all files at one moment.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, its chain, and the key that belongs to it.
    pub identity: Arc<CertifiedKey>,
    /// The authorities of client certificates; `None` if none is requested.
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

impl TlsSettings {
    /// Reads the files as they are now.
    ///
    /// # Errors
    /// The first file that can't be used, by its key. The settings were right when they were
    /// loaded, but files change.
    pub fn read_files(&self) -> Result<TlsFiles, TlsFileError> {
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
        // No authority is trusted here, so it is refused in any case; validity is checked first.
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

fn date(time: pki_types::UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    UnixTime(seconds).to_rfc3339()
}
