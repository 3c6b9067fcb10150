//! The certificates that are used towards identity providers, registries, the shared store and the
//! receiver of spans: whom the proxy trusts there, and as whom it comes.

use std::path::Path;

use super::{Settings, whole::key};
use crate::{
    keys,
    oauth_client::settings::client::ClientSettings,
    otel, revocation, shared,
    signature::settings::{SignatureSettings, SignerKeys, key as of_signature},
    token::issuer::settings::{IssuerSettings, key as of_issuer},
};

/// The files so far, each with the full name of its setting.
#[derive(Default)]
struct TrustedFiles<'s>(Vec<(String, &'s Path)>);

impl<'s> TrustedFiles<'s> {
    fn add(&mut self, setting: &[&str], file: Option<&'s Path>) {
        self.0.extend(file.map(|file| (setting.join("."), file)));
    }

    fn add_client(&mut self, section: &[&str], client: &'s ClientSettings) {
        for (name, file) in client.certificate_files() {
            self.add(&[section, &[name]].concat(), Some(file));
        }
    }

    fn add_issuer(&mut self, issuer: &'s IssuerSettings) {
        let keys = issuer.keys.as_ref().and_then(|keys| keys.ca_file.as_deref());
        let of_keys = [key::ISSUERS, &issuer.name, of_issuer::KEYS, keys::settings::key::CA_FILE];
        self.add(&of_keys, keys);
        if let Some(introspection) = &issuer.introspection {
            let section = [key::ISSUERS, &issuer.name, of_issuer::INTROSPECTION];
            self.add_client(&section, &introspection.client);
        }
    }

    fn add_signature(&mut self, signature: &'s SignatureSettings) {
        let of_keys = [key::SIGNATURES, &signature.name, of_signature::KEYS];
        match &signature.keys {
            SignerKeys::Set(keys) => {
                let setting = [&of_keys[..], &[keys::settings::key::CA_FILE]].concat();
                self.add(&setting, keys.ca_file.as_deref());
            }
            SignerKeys::Registry(registry) => {
                let section = [&of_keys[..], &[of_signature::REGISTRY]].concat();
                self.add_client(&section, &registry.client);
            }
            SignerKeys::Issuer(_) => {}
        }
    }
}

impl Settings {
    /// Each with the full name of its setting.
    pub fn trusted_files(&self) -> Vec<(String, &Path)> {
        let mut found = TrustedFiles::default();
        self.issuers.iter().for_each(|issuer| found.add_issuer(issuer));
        self.signatures.iter().for_each(|signature| found.add_signature(signature));
        for credential in &self.upstream_credentials {
            if let Some(grant) = credential.grant() {
                found.add_client(&[key::UPSTREAM_CREDENTIALS, &credential.name], &grant.client);
            }
        }
        let list = self.revocation.list.as_ref().and_then(|list| list.ca_file.as_deref());
        found.add(&[key::REVOCATION, revocation::settings::key::CA_FILE], list);
        let shared = self.shared.as_ref().and_then(|shared| shared.ca_file.as_deref());
        found.add(&[key::SHARED, shared::settings::key::CA_FILE], shared);
        let receiver = self.otel.as_ref().and_then(|otel| otel.ca_file.as_deref());
        found.add(&[key::OTEL, otel::settings::key::CA_FILE], receiver);
        found.0
    }
}
