//! What the files of `[upstreams.NAME.tls]` hold at one moment.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::UpstreamTls;
use crate::tls::{
    client::system_roots,
    expiry::{FileEnding, first_expiry},
    files::{Authorities, authorities, chain, identity, private_key},
    settings::{
        ClientIdentity, UpstreamTlsSettings, UpstreamVerification, client::key as of_identity,
        upstream::key,
    },
};

/// The content of all files at one moment.
#[derive(Debug, Clone)]
pub(super) struct UpstreamTlsFiles {
    /// The trusted authorities. `None`: keys are pinned.
    pub(super) authorities: Option<Authorities>,
    /// Our own certificate.
    pub(super) identity: Option<Arc<CertifiedKey>>,
}

/// A file that can't be used: its key and the problem.
pub(super) type FileProblem = (&'static str, String);

impl UpstreamTlsFiles {
    /// Reads the files, so it may block. The system's authorities are read once, as long as the
    /// configuration is in use: `earlier` has them.
    pub(super) fn read(
        settings: &UpstreamTlsSettings,
        earlier: Option<&Self>,
    ) -> Result<Self, FileProblem> {
        let trusted = match (&settings.verification, &settings.ca_file, earlier) {
            (UpstreamVerification::Pinned(_), ..) => None,
            (UpstreamVerification::Full, Some(path), _) => {
                Some(authorities(path).map_err(|problem| (key::CA_FILE, problem))?)
            }
            (UpstreamVerification::Full, None, Some(earlier)) => earlier.authorities.clone(),
            (UpstreamVerification::Full, None, None) => {
                Some(Authorities { roots: Arc::new(system_roots()), expire: None })
            }
        };
        let identity = settings.identity.as_ref().map(own_certificate).transpose()?;
        Ok(Self { authorities: trusted, identity })
    }

    /// Whether both hold the same certificates. A key belongs to its certificate.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let subjects = |files: &Self| {
            let authorities = files.authorities.as_ref();
            authorities.map(|it| (it.roots.roots.clone(), it.expire))
        };
        let own = |files: &Self| files.identity.as_ref().map(|identity| identity.cert.clone());
        subjects(self) == subjects(other) && own(self) == own(other)
    }
}

impl UpstreamTls {
    /// When the certificates of each file expire. Not those of the system's authorities, which no
    /// setting names.
    pub(in crate::tls) fn certificate_endings(&self) -> Vec<FileEnding> {
        let in_use = self.in_use.load();
        let setting = |key: &str| format!("upstreams.{}.tls.{key}", self.upstream);
        let authorities = in_use.files.authorities.as_ref().and_then(|it| it.expire);
        let own = in_use.files.identity.as_ref().and_then(|own| first_expiry(&own.cert));
        let trusted = authorities.map(|at| (setting(key::CA_FILE), at));
        let own = own.map(|at| (setting(of_identity::CLIENT_CERTIFICATE), at));
        trusted.into_iter().chain(own).collect()
    }
}

fn own_certificate(files: &ClientIdentity) -> Result<Arc<CertifiedKey>, FileProblem> {
    let of_certificate = |problem| (of_identity::CLIENT_CERTIFICATE, problem);
    let of_key = |problem| (of_identity::CLIENT_KEY, problem);
    let chain = chain(&files.certificate).map_err(of_certificate)?;
    let key = private_key(&files.private_key).map_err(of_key)?;
    let certificate = files.certificate.display().to_string();
    let identity = identity(chain, key, &files.private_key, &certificate).map_err(of_key)?;
    Ok(Arc::new(identity))
}
