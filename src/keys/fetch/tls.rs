//! Whom to trust when fetching over TLS.

use std::{error::Error, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::keys::KeyError;

/// The client's side of TLS 1.2 and 1.3 (threat K-14): the authorities of `ca_file` alone if
/// there is one, else the system's, else, on a system without any, Mozilla's as compiled in.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, KeyError> {
    let roots = match ca_file {
        Some(path) => roots_of(path)?,
        None => system_roots(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| KeyError::Authorities {
            place: "TLS".to_owned(),
            cause: error.to_string(),
        })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn roots_of(path: &Path) -> Result<RootCertStore, KeyError> {
    let refuse = |cause: String| KeyError::Authorities { place: path.display().to_string(), cause };
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(format!("not PEM: {error}")))?;
        roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse("no CERTIFICATE block".to_owned()));
    }
    Ok(roots)
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::info!("no certificate authorities on this system, Mozilla's are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Whether a TLS failure lies at the bottom of an error.
pub(super) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
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
