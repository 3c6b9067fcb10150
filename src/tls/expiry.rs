//! When certificates and revocation lists end that were read from files: an operator has to know
//! days before.

use std::{path::Path, sync::Arc};

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer, revocation_list::CertificateRevocationList,
};

use crate::{clock::UnixTime, telemetry::MetricRegistry};

use super::{Metrics, ServerTls, UpstreamTls, files::chain};

/// The setting that names a file, and when what it holds ends.
pub(crate) type FileEnding = (String, UnixTime);

/// The certificates in use.
#[derive(Debug, Default)]
pub(crate) struct TlsInUse {
    pub(crate) listeners: Vec<Arc<ServerTls>>,
    pub(crate) upstreams: Vec<Arc<UpstreamTls>>,
    /// Those towards providers and stores, as they were when the configuration came into force.
    pub(crate) trusted: Vec<FileEnding>,
}

/// When the first certificate of each file expires; none of a file that can't be read.
pub(crate) fn file_endings(files: &[(String, &Path)]) -> Vec<FileEnding> {
    let ending = |(setting, file): &(String, &Path)| {
        let certificates = chain(file).ok()?;
        first_expiry(&certificates).map(|at| (setting.clone(), at))
    };
    files.iter().filter_map(ending).collect()
}

/// Shows when the files of whatever is in use end, read at every scrape: what was renewed, or
/// removed from the configuration, is so at once.
pub(crate) fn watch_expiry(
    metrics: &MetricRegistry,
    in_use: impl Fn() -> TlsInUse + Send + Sync + Clone + 'static,
) {
    let metrics = Metrics::register(metrics);
    let of = in_use.clone();
    metrics.certificates.watch(move || {
        let TlsInUse { listeners, upstreams, trusted } = of();
        let of_listeners = listeners.iter().flat_map(|tls| tls.certificate_endings());
        let of_upstreams = upstreams.iter().flat_map(|tls| tls.certificate_endings());
        of_listeners.chain(of_upstreams).chain(trusted).map(as_value).collect()
    });
    metrics.revocation_lists.watch(move || {
        in_use().listeners.iter().filter_map(|tls| tls.next_update()).map(as_value).collect()
    });
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ s")]
fn as_value((setting, at): FileEnding) -> (String, f64) {
    (setting, at.0 as f64)
}

/// When the first of them expires.
pub(super) fn first_expiry(certificates: &[CertificateDer<'_>]) -> Option<UnixTime> {
    let expiry = |certificate: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        Some(UnixTime(certificate.validity().not_after.timestamp()))
    };
    certificates.iter().filter_map(expiry).min()
}

/// When the next edition of the first of them is due.
pub(super) fn first_update(lists: &[CertificateRevocationListDer<'_>]) -> Option<UnixTime> {
    let next_update = |list: &CertificateRevocationListDer<'_>| {
        let (_, list) = CertificateRevocationList::from_der(list).ok()?;
        list.next_update().map(|at| UnixTime(at.timestamp()))
    };
    lists.iter().filter_map(next_update).min()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn until(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["app".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_first_certificate_to_expire_counts() {
        let expiry = first_expiry(&[until(2040), until(2035), until(2045)]);
        assert_eq!(expiry.unwrap().to_rfc3339(), "2035-01-01T00:00:00Z");
        assert_eq!(first_expiry(&[]), None);
    }
}
