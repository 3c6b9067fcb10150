//! Which certificate a client gets: by the server name that it requests (RFC 6066 §3).

#![expect(clippy::disallowed_types, reason = "its keys are the certificates' names")]

use std::sync::Arc;

use foldhash::HashMap;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::tls::{names::server_names, settings::UnknownName};

/// The certificates by their names.
#[derive(Debug)]
pub(super) struct CertificatesByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    below: HashMap<String, Arc<CertifiedKey>>,
    /// For every other name, and without one.
    default: Option<Arc<CertifiedKey>>,
}

impl CertificatesByName {
    /// Where a name is in several certificates, the first of them is shown.
    pub(super) fn new(identities: &[Arc<CertifiedKey>], unknown: UnknownName) -> Self {
        let default = match unknown {
            UnknownName::Default => identities.first().cloned(),
            UnknownName::Refuse => None,
        };
        let (mut exact, mut below) = (HashMap::default(), HashMap::default());
        for identity in identities {
            for name in identity.cert.first().map(server_names).unwrap_or_default() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut below, suffix.to_owned()),
                    None => (&mut exact, name),
                };
                names.entry(name).or_insert_with(|| Arc::clone(identity));
            }
        }
        Self { exact, below, default }
    }

    /// `name` is in lower case. A wildcard stands for one label.
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let below = || self.below.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(below)
    }
}

impl ResolvesServerCert for CertificatesByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.find(name));
        named.or(self.default.as_ref()).cloned()
    }
}
