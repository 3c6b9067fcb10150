//! The server's side: the certificate that a handshake shows, and which clients it admits.
//!
//! The server name that a client requests (SNI) chooses the certificate and nothing else: policy
//! goes by the host of each request (threats P-12).

mod files;
mod names;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use super::settings::{AlpnProtocol, ClientAuth, TlsSettings, key};
use names::CertificatesByName;

pub use files::{TlsFileError, TlsFiles};

/// A loaded `[server.tls]`, or `tls` of a listener. Its files may change while it is in use.
#[derive(Debug)]
pub struct ServerTls {
    pub(super) settings: TlsSettings,
    pub(super) in_use: ArcSwap<InUse>,
}

/// One content of the files, and the configuration made of it.
#[derive(Debug)]
pub(super) struct InUse {
    pub(super) files: TlsFiles,
    pub(super) config: Arc<ServerConfig>,
}

/// Why the TLS of a listener can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// Certificates of clients can't be checked by these authorities.
    #[error("{section}.{setting}: {error}", setting = key::CLIENT_CA)]
    Authorities {
        /// Where the settings are.
        section: String,
        /// The library's error.
        error: VerifierBuilderError,
    },
    /// The library's error, such as a lack of randomness.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Names of protocols in the handshake (RFC 7301 §6), the preferred one first.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";
pub(super) const ALPN_HTTP1: &[u8] = b"http/1.1";

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]: they have changed since the settings were loaded.
    pub fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let in_use = InUse::new(settings, settings.read_files()?)?;
        Ok(Self { settings: settings.clone(), in_use: ArcSwap::from_pointee(in_use) })
    }

    /// Reads the files. Where they hold the same as those of `earlier`, and the settings are the
    /// same, that goes on: with the keys of its tickets, by which sessions resume.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn load(
        settings: &TlsSettings,
        earlier: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, TlsError> {
        let loaded = Self::new(settings)?;
        let is_same = |earlier: &&Arc<Self>| {
            earlier.settings == loaded.settings
                && loaded.in_use.load().files.is_same(&earlier.in_use.load().files)
        };
        Ok(earlier.filter(is_same).cloned().unwrap_or_else(|| Arc::new(loaded)))
    }

    /// What both sides speak after a handshake that has agreed on `negotiated`. `None`: whatever a
    /// client that negotiates nothing turns out to speak, where both are offered.
    pub fn protocol(&self, negotiated: Option<&[u8]>) -> Option<AlpnProtocol> {
        let offered = self.settings.alpn.as_slice();
        let is_named = |protocol: &&AlpnProtocol| Some(protocol.name().as_bytes()) == negotiated;
        match offered {
            [only] => Some(*only),
            _ => offered.iter().find(is_named).copied(),
        }
    }

    /// For the next connection: with the certificate that is in use now.
    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.in_use.load().config).into()
    }
}

impl InUse {
    pub(super) fn new(settings: &TlsSettings, files: TlsFiles) -> Result<Self, TlsError> {
        let config = Arc::new(server_config(settings, &files)?);
        Ok(Self { files, config })
    }
}

fn server_config(settings: &TlsSettings, files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match client_verifier(settings, files)? {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let certificates = CertificatesByName::new(&files.identities, settings.unknown_name);
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    let offered = settings.alpn.iter().map(|protocol| protocol.name().as_bytes().to_vec());
    config.alpn_protocols = offered.collect();
    // Sessions resume by tickets: on any worker, and without a table that the workers share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if files.client_authorities.is_none() {
        config.ticketer = aws_lc_rs::Ticketer::new()?;
    } else {
        // A resumed session is not checked again: certificates of clients would outlive their
        // expiry, their revocation and their authority's removal.
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// `None`: clients need no certificate, and are not asked for one.
///
/// With revocation lists, every certificate of a client's chain has to be on none of them, and each
/// of their authorities needs a list that has not expired: without one it is unknown what was
/// revoked (threats N-5).
fn client_verifier(
    settings: &TlsSettings,
    files: &TlsFiles,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(trusted) = &files.client_authorities else { return Ok(None) };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&trusted.roots), provider);
    // Only an explicit "not required" admits clients without a certificate.
    let verifier = match &settings.client_auth {
        Some(ClientAuth { required: false, .. }) => verifier.allow_unauthenticated(),
        _ => verifier,
    };
    let verifier = match &files.revocation_lists {
        None => verifier,
        Some(lists) => verifier.with_crls(lists.clone()).enforce_revocation_expiration(),
    };
    let section = settings.section.clone();
    verifier.build().map(Some).map_err(|error| TlsError::Authorities { section, error })
}
