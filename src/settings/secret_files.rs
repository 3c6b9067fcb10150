//! The files that hold secrets, wherever a configuration names them.

use std::path::Path;

use super::{Settings, whole::key};
use crate::{
    evidence,
    fetch::settings::EgressProxySettings,
    identity,
    identity::assertion,
    oauth_client::settings::client::ClientSettings,
    otel, shared,
    signature::settings::{SignatureSettings, SignerKeys, key as of_signature},
    telemetry,
    tls::{self, settings::TlsSettings},
    token::issuer::settings::{IssuerSettings, key as of_issuer},
    upstream::{self, settings::UpstreamSettings},
};

/// The files so far, each with the full name of its setting.
#[derive(Default)]
struct Found<'s>(Vec<(String, &'s Path)>);

impl<'s> Found<'s> {
    fn add(&mut self, setting: &[&str], file: Option<&'s Path>) {
        self.0.extend(file.map(|file| (setting.join("."), file)));
    }

    fn add_client(&mut self, section: &[&str], client: &'s ClientSettings) {
        for (name, file) in client.secret_files() {
            self.add(&[section, &[name]].concat(), Some(file));
        }
    }

    fn add_upstream(&mut self, upstream: &'s UpstreamSettings) {
        let identity = upstream.tls.as_ref().and_then(|tls| tls.identity.as_ref());
        let section = [key::UPSTREAMS, &upstream.name, upstream::settings::key::TLS];
        let setting = [&section[..], &[tls::settings::client::key::CLIENT_KEY]].concat();
        self.add(&setting, identity.map(|identity| &*identity.private_key));
    }

    fn add_issuer(&mut self, issuer: &'s IssuerSettings) {
        let of_one = |name| [key::ISSUERS, &issuer.name, name];
        let keys = issuer.keys.as_ref();
        if let Some((name, file)) = keys.and_then(|keys| keys.source.secret_file()) {
            self.add(&[&of_one(of_issuer::KEYS)[..], &[name]].concat(), Some(file));
        }
        if let Some((name, file)) = keys.and_then(|keys| keys.proxy.as_ref()?.secret_file()) {
            self.add(&[&of_one(of_issuer::KEYS)[..], &[name]].concat(), Some(file));
        }
        if let Some(introspection) = &issuer.introspection {
            self.add_client(&of_one(of_issuer::INTROSPECTION), &introspection.client);
        }
    }

    fn add_tls(&mut self, tls: &'s TlsSettings) {
        for (section, files) in tls.certificate_sections() {
            let setting = [&*section, tls::settings::key::PRIVATE_KEY];
            self.add(&setting, Some(&files.private_key));
        }
    }

    fn add_signature(&mut self, signature: &'s SignatureSettings) {
        let of_one = |section, name| [key::SIGNATURES, &signature.name, section, name];
        let proxy = match &signature.keys {
            SignerKeys::Set(keys) => keys.proxy.as_ref(),
            SignerKeys::Issuer(_) | SignerKeys::Registry(_) => None,
        };
        if let Some((name, file)) = proxy.and_then(EgressProxySettings::secret_file) {
            self.add(&[key::SIGNATURES, &signature.name, of_signature::KEYS, name], Some(file));
        }
        if let Some(registry) = signature.registry() {
            let section = of_one(of_signature::KEYS, of_signature::REGISTRY);
            self.add_client(&section, &registry.client);
        }
        let file = signature.respond.as_ref().map(|respond| &*respond.key.file);
        self.add(&of_one(of_signature::RESPOND, of_signature::KEY), file);
    }
}

impl Settings {
    /// Each with the full name of its setting.
    pub(super) fn secret_files(&self) -> Vec<(String, &Path)> {
        let mut found = Found::default();
        self.listeners.iter().filter_map(|it| it.tls.as_ref()).for_each(|tls| found.add_tls(tls));
        let file = self.identity.assertion.as_ref().map(|assertion| &*assertion.private_key_file);
        let section = identity::settings::key::ASSERTION;
        let of_assertion = [key::IDENTITY, section, assertion::settings::key::PRIVATE_KEY_FILE];
        found.add(&of_assertion, file);
        if let Some(shared) = &self.shared {
            let of_shared = |name| [key::SHARED, name];
            let password = of_shared(shared::settings::key::PASSWORD_FILE);
            found.add(&password, shared.password_file.as_deref());
            let sentinels = of_shared(shared::settings::key::SENTINEL_PASSWORD_FILE);
            found.add(&sentinels, shared.sentinel_password_file.as_deref());
            let integrity = of_shared(shared::settings::key::INTEGRITY_KEY_FILE);
            found.add(&integrity, shared.integrity.key_file());
        }
        for credential in &self.upstream_credentials {
            for (name, file) in credential.secret_files() {
                found.add(&[key::UPSTREAM_CREDENTIALS, &credential.name, name], Some(file));
            }
        }
        self.upstreams.iter().for_each(|upstream| found.add_upstream(upstream));
        self.issuers.iter().for_each(|issuer| found.add_issuer(issuer));
        self.signatures.iter().for_each(|signature| found.add_signature(signature));
        let list = self.revocation.list.as_ref().and_then(|list| list.proxy.as_ref());
        if let Some((name, file)) = list.and_then(EgressProxySettings::secret_file) {
            found.add(&[key::REVOCATION, name], Some(file));
        }
        let of_subjects = [key::LOG, telemetry::settings::key::SUBJECT_KEY_FILE];
        found.add(&of_subjects, self.log.access.subject_key_file.as_deref());
        let headers = self.otel.as_ref().and_then(|otel| otel.headers_file.as_deref());
        found.add(&[key::OTEL, otel::settings::key::HEADERS_FILE], headers);
        let journal = self.evidence.as_ref().and_then(|evidence| evidence.key.as_ref());
        let of_journal = [key::EVIDENCE, evidence::settings::key::KEY_FILE];
        found.add(&of_journal, journal.map(|key| &*key.file));
        found.0
    }
}
