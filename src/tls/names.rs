//! The names in certificates.

use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, prelude::FromDer};

use x509_parser::certificate::X509Certificate;

/// The DNS names that a server's certificate is for, in lower case; `*.` begins a wildcard
/// (RFC 6125 §6.4.3). Names in the subject are long obsolete (RFC 6125 §6.4.4), and no client that
/// is in use goes by them.
pub(super) fn server_names(certificate: &CertificateDer<'static>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns_name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(dns_name).collect()
}
