//! What the files of `[upstreams.NAME.tls]` hold at one moment.

use std::sync::Arc;

use rustls::{RootCertStore, sign::CertifiedKey};

use crate::tls::{
    client::system_roots,
    files::{authorities, chain, identity, private_key},
    settings::{
        ClientIdentity, UpstreamTlsSettings, UpstreamVerification, client::key as of_identity,
        upstream::key,
    },
};

/// The content of all files at one moment.
#[derive(Debug, Clone)]
pub(super) struct UpstreamTlsFiles {
    /// The trusted authorities. `None`: keys are pinned.
    pub(super) roots: Option<Arc<RootCertStore>>,
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
        let roots = match (&settings.verification, &settings.ca_file, earlier) {
            (UpstreamVerification::Pinned(_), ..) => None,
            (UpstreamVerification::Full, Some(path), _) => {
                let roots = authorities(path).map_err(|problem| (key::CA_FILE, problem))?;
                Some(Arc::new(roots))
            }
            (UpstreamVerification::Full, None, Some(earlier)) => earlier.roots.clone(),
            (UpstreamVerification::Full, None, None) => Some(Arc::new(system_roots())),
        };
        let identity = settings.identity.as_ref().map(own_certificate).transpose()?;
        Ok(Self { roots, identity })
    }

    /// Whether both hold the same certificates. A key belongs to its certificate.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let subjects = |files: &Self| files.roots.as_ref().map(|roots| roots.roots.clone());
        let own = |files: &Self| files.identity.as_ref().map(|identity| identity.cert.clone());
        subjects(self) == subjects(other) && own(self) == own(other)
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
