//! TLS with clients: the handshake, and the certificate that it shows.
//!
//! Which server name a client asks for (SNI) decides nothing: there is one certificate, and policy
//! goes by the host of each request (threats P-12).

use std::{rc::Rc, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    sign::SingleCertAndKey,
    version::{TLS12, TLS13},
};
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;

use crate::{
    clock::{Clock, SystemClock},
    listener::ByteStream,
    tls::settings::{ClientAuth, TlsFileError, TlsFiles, TlsSettings},
};

use super::{
    connection::{self, Accepted, Protocol},
    guarded_io::{Deadlines, GuardedIo},
    worker::Worker,
};

/// `[server.tls]` at work.
#[derive(Debug)]
pub(super) struct Tls {
    settings: TlsSettings,
    in_use: ArcSwap<InUse>,
}

/// One content of the files, and what was made of it.
#[derive(Debug)]
struct InUse {
    files: TlsFiles,
    config: Arc<ServerConfig>,
}

/// Why `[server.tls]` can't be put to work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] TlsFileError),
    /// Certificates of clients can't be checked by these authorities.
    #[error("server.tls.client_ca: {0}")]
    Authorities(#[from] VerifierBuilderError),
    /// The library refuses; for want of randomness, say.
    #[error("server.tls: {0}")]
    Tls(#[from] rustls::Error),
}

/// Names of protocols in the handshake (RFC 7301 §6), the preferred one first.
const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

impl Tls {
    /// Reads the files.
    pub(super) fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let in_use = InUse::new(settings, settings.read()?)?;
        Ok(Self { settings: settings.clone(), in_use: ArcSwap::from_pointee(in_use) })
    }

    /// What the next connection begins with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.in_use.load().config).into()
    }

    /// Takes the files into use if they hold other certificates than before. As long as they can't
    /// be used, such as between the writing of one and the other, what was in use stays.
    pub(super) fn renew(&self) {
        match self.changed() {
            Ok(None) => {}
            Ok(Some(renewed)) => {
                let problem = renewed.files.validity_problem(SystemClock.now());
                self.in_use.store(Arc::new(renewed));
                match problem {
                    None => tracing::info!("the renewed certificate is in use"),
                    Some(problem) => tracing::warn!(problem, "the renewed certificate is in use"),
                }
            }
            Err(error) => tracing::warn!(%error, "the certificate in use is kept"),
        }
    }

    fn changed(&self) -> Result<Option<InUse>, TlsError> {
        let files = self.settings.read()?;
        if files.is_same(&self.in_use.load().files) {
            return Ok(None);
        }
        InUse::new(&self.settings, files).map(Some)
    }
}

impl InUse {
    fn new(settings: &TlsSettings, files: TlsFiles) -> Result<Self, TlsError> {
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
            // Only what says that a certificate is not required lets clients in without one.
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
    // Sessions resume by tickets: on whichever worker, and without a table that the workers share.
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

/// Serves a connection that begins with a handshake. From accept on, handshake and header block
/// share one deadline (threats D-1).
pub(super) async fn serve<S: ByteStream>(
    worker: Rc<Worker>,
    acceptor: TlsAcceptor,
    socket: S,
    mut accepted: Accepted,
) {
    let deadlines = Deadlines::of(&worker.serving().config.limits);
    let socket = GuardedIo::below_tls(socket, deadlines);
    let handshake = timeout_at(accepted.at + deadlines.header, acceptor.accept(socket));
    let stream = tokio::select! {
        biased;
        stream = handshake => stream,
        // There is nothing to finish for who has not said anything.
        () = worker.drain.cancelled() => return,
    };
    let stream = match stream {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!("TLS handshake not finished in time");
            return;
        }
    };
    let (_, session) = stream.get_ref();
    accepted.protocol = session.alpn_protocol().map(|name| match name {
        ALPN_HTTP2 => Protocol::Http2,
        _ => Protocol::Http1,
    });
    accepted.peer.scheme = "https";
    connection::serve(worker, stream, accepted).await;
}

#[cfg(test)]
mod tests;
