//! The client's side: which servers are trusted, and our own certificate for those that request
//! one.

use std::{error::Error, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName, sign::SingleCertAndKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    files::{authorities, chain, identity, private_key},
    settings::ClientIdentity,
};

/// What TLS needs can't be loaded: the authorities to trust, or our own certificate. The text
/// names the file, and shows nothing of a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct ClientTlsError {
    what: &'static str,
    problem: String,
}

/// TLS 1.2 and 1.3 (threat K-14): trusts the authorities of `ca_file` alone if there is one, else
/// the system's, else, on a system without any, Mozilla's as compiled in. Reads the files, so it
/// may block.
pub(crate) fn config(
    ca_file: Option<&Path>,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, ClientTlsError> {
    let of_authorities = |problem| ClientTlsError { what: "certificate authorities", problem };
    let roots = match ca_file {
        Some(path) => authorities(path).map_err(of_authorities)?.roots,
        None => Arc::new(system_roots()),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientTlsError { what: "TLS", problem: error.to_string() })?
        .with_root_certificates(roots);
    Ok(match identity {
        Some(identity) => config.with_client_cert_resolver(Arc::new(certified(identity)?)),
        None => config.with_no_client_auth(),
    })
}

/// Shakes hands with the server of that name over a connection that has been made.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: ClientConfig,
    server: String,
    stream: S,
) -> io::Result<TlsStream<S>> {
    let server = ServerName::try_from(server).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(server, stream).await
}

/// Our own certificate, for a server that authenticates clients (RFC 8705).
fn certified(files: &ClientIdentity) -> Result<SingleCertAndKey, ClientTlsError> {
    let of_certificate = |problem| ClientTlsError { what: "client certificate", problem };
    let chain = chain(&files.certificate).map_err(of_certificate)?;
    let key = private_key(&files.private_key).map_err(of_certificate)?;
    let certificate = files.certificate.display().to_string();
    let identity =
        identity(chain, key, &files.private_key, &certificate).map_err(of_certificate)?;
    Ok(SingleCertAndKey::from(identity))
}

/// The authorities of the system, or Mozilla's. Reads files, so it may block.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::info!("no certificate authorities on this system, Mozilla's are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Whether a TLS failure lies at the bottom of an error.
pub(crate) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An I/O error keeps what it wraps apart from its `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if wrapped.is_some_and(|wrapped| is_cause_of(wrapped)) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::files::MAX_FILE_BYTES;

    #[test]
    fn a_file_of_authorities_that_has_grown_past_the_bound_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let above = usize::try_from(MAX_FILE_BYTES).unwrap() + 1;
        std::fs::write(&path, vec![b'\n'; above]).unwrap();

        let refused = config(Some(&path), None).unwrap_err().to_string();
        assert!(refused.contains("has more than 1048576 bytes"), "{refused}");
    }
}
