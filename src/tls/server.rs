//! The server's side: the certificate that a handshake shows, and which clients it admits.
//!
//! The server name that a client requests (SNI) decides nothing: there is one certificate, and
//! policy goes by the host of each request (threats P-12).

mod files;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use super::settings::{ClientAuth, SECTION, TlsSettings, key};

pub use files::{TlsFileError, TlsFiles};

/// A loaded `[server.tls]`. Its files may change while it is in use.
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

/// Why `[server.tls]` can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// Certificates of clients can't be checked by these authorities.
    #[error("{section}.{setting}: {0}", section = SECTION, setting = key::CLIENT_CA)]
    Authorities(#[from] VerifierBuilderError),
    /// The library's error, such as a lack of randomness.
    #[error("{section}: {0}", section = SECTION)]
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

    /// For the next connection: with the certificate that is in use now.
    pub fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.in_use.load().config).into()
    }
}

impl InUse {
    pub(super) fn new(settings: &TlsSettings, files: TlsFiles) -> Result<Self, TlsError> {
        let config = Arc::new(server_config(settings.client_auth.as_ref(), &files)?);
        Ok(Self { files, config })
    }
}

fn server_config(
    client_auth: Option<&ClientAuth>,
    files: &TlsFiles,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider);
            // Only an explicit "not required" admits clients without a certificate.
            let verifier = match client_auth {
                Some(ClientAuth { required: false, .. }) => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    let identity = SingleCertAndKey::from(Arc::clone(&files.identity));
    let mut config = builder.with_cert_resolver(Arc::new(identity));
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
    // Sessions resume by tickets: on any worker, and without a table that the workers share.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if files.client_authorities.is_none() {
        config.ticketer = aws_lc_rs::Ticketer::new()?;
    } else {
        // A resumed session is not checked again: certificates of clients would outlive their
        // expiry and their authority's removal.
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}
