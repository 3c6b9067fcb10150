//! What the files of a listener's TLS hold at one moment.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, Error, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::aws_lc_rs,
    pki_types::{self, CertificateRevocationListDer},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use crate::{
    clock::UnixTime,
    tls::{
        ServerTls,
        expiry::{FileEnding, first_expiry, first_update},
        files::{Authorities, authorities, revocation_lists},
        settings::{TlsSettings, key},
    },
};

/// The content of all files at one moment.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificates, each with its chain and the key that belongs to it, in the order
    /// of the settings.
    pub identities: Vec<Arc<CertifiedKey>>,
    /// The authorities of client certificates; `None` if none is requested.
    pub client_authorities: Option<Authorities>,
    /// Their revocation lists.
    pub revocation_lists: Option<Vec<CertificateRevocationListDer<'static>>>,
}

/// A file that can't be used. The text names its key and its path, and shows nothing of what it
/// holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{section}.{key}: {problem}")]
pub struct TlsFileError {
    section: String,
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
        let identities = self.certificate_sections().map(|(section, files)| {
            let identity = files.load(&section);
            identity.map_err(|(key, problem)| TlsFileError { section, key, problem })
        });
        let identities = identities.collect::<Result<Vec<_>, _>>()?;
        let at = |key| move |problem| TlsFileError { section: self.section.clone(), key, problem };
        let auth = self.client_auth.as_ref();
        let client_authorities = auth
            .map(|auth| authorities(&auth.authorities).map_err(at(key::CLIENT_CA)))
            .transpose()?;
        let revocation_lists = auth
            .and_then(|auth| auth.crl_file.as_ref())
            .map(|file| revocation_lists(file).map_err(at(key::CRL_FILE)))
            .transpose()?;
        Ok(TlsFiles { identities, client_authorities, revocation_lists })
    }
}

impl TlsFiles {
    /// Whether both hold the same certificates and lists. Then the keys are the same, too: each
    /// belongs to its certificate.
    pub fn is_same(&self, other: &Self) -> bool {
        let roots = |files: &Self| {
            let authorities = files.client_authorities.as_ref();
            authorities.map(|it| (it.roots.roots.clone(), it.expire))
        };
        let certificates = |files: &Self| -> Vec<_> {
            files.identities.iter().map(|identity| identity.cert.clone()).collect()
        };
        roots(self) == roots(other)
            && self.revocation_lists == other.revocation_lists
            && certificates(self) == certificates(other)
    }

    /// Why clients will refuse a certificate at that moment, if its validity is the reason; with
    /// the certificate's position.
    pub fn validity_problems(&self, now: UnixTime) -> impl Iterator<Item = (usize, String)> {
        let identities = self.identities.iter().enumerate();
        identities.filter_map(move |(position, identity)| {
            validity_problem(identity, now).map(|problem| (position, problem))
        })
    }

    /// Why no certificate of a client is accepted, if a revocation list has expired by then.
    pub fn revocation_problem(&self, now: UnixTime) -> Option<String> {
        let first = self.next_update().filter(|at| at.0 < now.0)?;
        Some(format!("a revocation list has expired at {}", first.to_rfc3339()))
    }
}

impl TlsFiles {
    /// When the first revocation list has to be renewed.
    fn next_update(&self) -> Option<UnixTime> {
        first_update(self.revocation_lists.as_ref()?)
    }
}

impl ServerTls {
    /// The first certificate in use that clients refuse for its validity, by its setting.
    pub(crate) fn problem(&self, now: UnixTime) -> Option<String> {
        let (position, problem) = self.in_use.load().files.validity_problems(now).next()?;
        let (section, _) = self.settings.certificate_sections().nth(position)?;
        Some(format!("{section}.{} {problem}", key::CERTIFICATE))
    }

    /// When the certificates of each file expire.
    pub(in crate::tls) fn certificate_endings(&self) -> Vec<FileEnding> {
        let in_use = self.in_use.load();
        let names = self
            .settings
            .certificate_sections()
            .map(|(section, _)| format!("{section}.{}", key::CERTIFICATE));
        let identities = in_use.files.identities.iter();
        let own = names
            .zip(identities)
            .filter_map(|(setting, identity)| first_expiry(&identity.cert).map(|at| (setting, at)));
        let authorities = in_use.files.client_authorities.as_ref();
        let of_clients = authorities.and_then(|authorities| authorities.expire);
        let of_clients = of_clients.map(|at| (self.setting(key::CLIENT_CA), at));
        own.chain(of_clients).collect()
    }

    /// When the revocation lists of clients' certificates have to be renewed.
    pub(in crate::tls) fn next_update(&self) -> Option<FileEnding> {
        let next_update = self.in_use.load().files.next_update();
        next_update.map(|at| (self.setting(key::CRL_FILE), at))
    }

    fn setting(&self, key: &str) -> String {
        format!("{}.{key}", self.settings.section)
    }
}

fn validity_problem(identity: &CertifiedKey, now: UnixTime) -> Option<String> {
    let (leaf, chain) = identity.cert.split_first()?;
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
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(format!("expired at {}", date(not_after)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => Some(format!("not valid before {}", date(not_before))),
        _ => None,
    }
}

fn date(time: pki_types::UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    UnixTime(seconds).to_rfc3339()
}
