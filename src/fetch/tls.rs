//! Whom to trust when fetching over TLS.

use std::{error::Error, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{ClientIdentity, FetchError};
use crate::{config::files::read_whole, tls::settings::MAX_FILE_BYTES};

/// The client's side of TLS 1.2 and 1.3 (threat K-14): the authorities of `ca_file` alone if
/// there is one, else the system's, else, on a system without any, Mozilla's as compiled in.
pub(crate) fn client_config(
    ca_file: Option<&Path>,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, FetchError> {
    let roots = match ca_file {
        Some(path) => roots_of(path)?,
        None => system_roots(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| FetchError::Authorities {
            place: "TLS".to_owned(),
            cause: error.to_string(),
        })?;
    let config = config.with_root_certificates(roots);
    match identity {
        Some(identity) => {
            authenticated_by(identity, |chain, key| config.with_client_auth_cert(chain, key))
        }
        None => Ok(config.with_no_client_auth()),
    }
}

/// Our own certificate, for a server that asks who we are (RFC 8705).
fn authenticated_by(
    identity: &ClientIdentity,
    make: impl FnOnce(
        Vec<CertificateDer<'static>>,
        PrivateKeyDer<'static>,
    ) -> Result<ClientConfig, rustls::Error>,
) -> Result<ClientConfig, FetchError> {
    let refuse = |path: &Path, cause: String| {
        let cause = format!("client certificate: {cause}");
        FetchError::Authorities { place: path.display().to_string(), cause }
    };
    let of_certificate = |cause| refuse(&identity.certificate, cause);
    let of_key = |cause| refuse(&identity.private_key, cause);
    let pem = read_whole(&identity.certificate, MAX_FILE_BYTES).map_err(of_certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| of_certificate(format!("not PEM: {error}")))?;
    let pem = read_whole(&identity.private_key, MAX_FILE_BYTES).map_err(of_key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| of_key("no private key in PEM".to_owned()))?;
    make(chain, key).map_err(|error| of_certificate(error.to_string()))
}

fn roots_of(path: &Path) -> Result<RootCertStore, FetchError> {
    let refuse = |cause: String| FetchError::Authorities {
        place: path.display().to_string(),
        cause: format!("certificate authorities: {cause}"),
    };
    let pem = read_whole(path, MAX_FILE_BYTES).map_err(refuse)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_that_has_grown_past_the_bound_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let above = usize::try_from(MAX_FILE_BYTES).unwrap() + 1;
        std::fs::write(&path, vec![b'\n'; above]).unwrap();

        let refused = client_config(Some(&path), None).unwrap_err().to_string();
        assert!(refused.contains("has more than 1048576 bytes"), "{refused}");
    }
}
