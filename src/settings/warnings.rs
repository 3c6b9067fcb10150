//! Warnings about allowed but risky settings: `check` prints them, `run` logs them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{Settings, whole::key};
use crate::{
    admin,
    clock::{Clock, SystemClock},
    config::files::reading_problem,
    evidence,
    identity::{self, forwarded},
    jose::Dialect,
    keys::settings::KeySource,
    oauth_client::settings::key as of_client,
    resource,
    revocation::settings::{ListSettings, ListSource, OnFailure, key as of_list},
    shared::{
        self,
        settings::{Integrity, NodeAddress, SharedSettings},
    },
    signature::settings::{BodilessSettings, CallerBinding, SignerKeys, key as of_signature},
    tls::{self, settings::TlsSettings},
    token::issuer::settings::{IssuerSettings, key as of_issuer},
};

mod claim_paths;
mod cors;
mod credentials;
mod issuers;
mod limits;
mod listeners;
mod own_addresses;
mod static_headers;
mod upstream_credentials;
mod upstreams;

use issuers::issuer_warnings;

/// Of many certificates that have expired, how many are named.
const SHOWN_CERTIFICATES: usize = 3;

/// Readable by all users.
const READABLE_BY_OTHERS: u32 = 0o004;
/// Writable by all users.
const WRITABLE_BY_OTHERS: u32 = 0o002;

impl Settings {
    /// One sentence for every setting that weakens what is verified, for every key file that
    /// others can get at, and for a server certificate out of its validity. These are no mistakes:
    /// Kubernetes mounts secrets readable for every user of the container, and a migration may have
    /// to accept ID tokens for a while.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.provenance.notes.clone();
        if !self.admin.listen.is_local() {
            let text = format!(
                "{} can be reached from other machines; it shows configuration and metrics \
                 without authentication",
                self.admin.listen
            );
            warnings.push(warning(&[key::ADMIN, admin::settings::key::LISTEN], &text));
        }
        let tls = self.listeners.iter().filter_map(|listener| listener.tls.as_ref());
        for tls in tls.filter(|_| !self.provenance.lint) {
            warnings.extend(tls_warnings(tls));
        }
        warnings.extend(self.listener_warnings());
        if self.identity.assertion.is_some() && self.cache.entries == 0 {
            warnings.push(warning(
                &[key::IDENTITY, identity::settings::key::ASSERTION],
                "with cache.entries = 0 an assertion is signed for every request",
            ));
        }
        if !self.forwarding.drop_underscores {
            warnings.push(warning(
                &[key::FORWARDING, forwarded::settings::key::DROP_UNDERSCORES],
                "off; upstreams that take _ for - can be given forged claim headers",
            ));
        }
        warnings.extend(self.own_address_warnings());
        if let Some(shared) = &self.shared {
            warnings.extend(shared_warnings(shared));
        }
        warnings.extend(self.upstream_warnings());
        for issuer in &self.issuers {
            warnings.extend(issuer_warnings(issuer));
        }
        for resource in self.resources.iter().filter(|resource| resource.audiences.is_none()) {
            warnings.push(warning(
                &[key::RESOURCES, &resource.name, resource::settings::key::AUDIENCES],
                "\"any\" accepts tokens that were made for other services",
            ));
        }
        warnings.extend(self.claim_path_warnings());
        warnings.extend(self.credential_warnings());
        warnings.extend(self.signature_warnings());
        if let Some(list) = &self.revocation.list {
            warnings.extend(list_warnings(list));
            if !self.provenance.lint {
                warnings.extend(absent_list(list));
            }
        }
        warnings.extend(self.outlived_logouts());
        if !self.provenance.lint {
            warnings.extend(self.exposed_files());
        }
        warnings.extend(self.cors_warnings());
        warnings.extend(self.static_header_warnings());
        warnings.extend(self.limit_warnings());
        warnings.extend(self.memory_warning());
        warnings.extend(self.upstream_credential_warnings());
        warnings
    }

    fn signature_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (id, signature) in self.signatures.iter_with_ids() {
            let mut warn = |names: &[&str], text: &str| {
                warnings
                    .push(warning(&[&[key::SIGNATURES, &signature.name], names].concat(), text));
            };
            if signature.caller == CallerBinding::Unrelated {
                let text = "unrelated; any client with a token passes with a body that any of the \
                            signers has signed";
                warn(&[of_signature::CALLER], text);
            }
            if signature.key_owner().is_some_and(|owner| is_plain_http(&owner.keys.source)) {
                let text = "fetched over plain http, where they can be forged on the way";
                warn(&[of_signature::KEYS], text);
            }
            if signature.registry().is_some_and(|registry| registry.client.allow_http) {
                warn(
                    &[of_signature::KEYS, of_signature::REGISTRY, of_client::ALLOW_HTTP],
                    "over plain http, keys can be forged on the way",
                );
            }
            if matches!(signature.keys, SignerKeys::Issuer(_))
                && Dialect::ALL.iter().any(|dialect| {
                    dialect.encodes_payload() && signature.dialects.contains(*dialect)
                })
            {
                let text = "a token of that issuer is written as these signatures are; a client \
                            that has one passes with its claims as the body, unless its typ says \
                            JWT";
                warn(&[of_signature::DIALECTS], text);
            }
            if matches!(signature.bodiless, BodilessSettings::Path(_)) && signature.reads_body() {
                let text = "requests without a body are signed over their path, and refused \
                            still: freshness or replay look for something in the body";
                warn(&[of_signature::BODY], text);
            }
            if !self.routes.all().iter().any(|route| route.signature == Some(id)) {
                warn(&[], "no route asks for it");
            }
        }
        if self.evidence.is_some()
            && self.routes.all().iter().all(|route| route.signature.is_none())
        {
            let text = "no route asks for a signature, so nothing is kept";
            warnings.push(warning(&[key::EVIDENCE], text));
        }
        if self.evidence.as_ref().is_some_and(|evidence| evidence.key.is_none()) {
            warnings.push(warning(
                &[key::EVIDENCE, evidence::settings::key::KEY_FILE],
                "absent; the journal has no checkpoints, and can be forged as a whole by anyone who \
                 can write to its folder",
            ));
        }
        warnings
    }

    fn exposed_files(&self) -> impl Iterator<Item = String> {
        let exposed = |path: &Path| is_mode(path, READABLE_BY_OTHERS | WRITABLE_BY_OTHERS);
        let files = self.secret_files().into_iter().filter(move |(_, file)| exposed(file));
        files
            .map(|(setting, _)| format!("{setting}: every user of the machine can get at the file"))
    }

    /// A logout that is forgotten before the tokens that it ended have expired.
    fn outlived_logouts(&self) -> impl Iterator<Item = String> {
        let ttl = self.revocation.logout_ttl;
        let outlives = move |issuer: &&IssuerSettings| {
            issuer.backchannel_logout.is_some() && issuer.max_lifetime.is_some_and(|l| l > ttl)
        };
        self.issuers.iter().filter(outlives).map(|issuer| {
            warning(
                &[key::ISSUERS, &issuer.name, of_issuer::MAX_LIFETIME],
                "is longer than revocation.logout_ttl, so that a token can be good again after \
                 its logout was forgotten",
            )
        })
    }
}

fn list_warnings(list: &ListSettings) -> impl Iterator<Item = String> {
    let (plain_http, writable) = match &list.source {
        ListSource::Url(url) => {
            let loopback = url.host().is_some_and(crate::config::urls::is_loopback);
            (url.scheme_str() == Some("http") && !loopback, false)
        }
        ListSource::File(path) => (false, is_mode(path, WRITABLE_BY_OTHERS)),
    };
    let warnings = [
        (
            list.on_failure == OnFailure::Continue,
            of_list::ON_FAILURE,
            "while there is no list, revoked tokens pass",
        ),
        (plain_http, of_list::URL, "fetched over plain http, where it can be forged on the way"),
        (writable, of_list::FILE, "can be written by every user of the machine"),
    ];
    let applying = warnings.into_iter().filter(|(applies, ..)| *applies);
    applying.map(|(_, name, text)| warning(&[key::REVOCATION, name], text))
}

/// A list that is not there yet is no mistake: a setting of its own decides what then happens to
/// requests. A misspelt path looks the same.
fn absent_list(list: &ListSettings) -> Option<String> {
    let ListSource::File(path) = &list.source else { return None };
    let problem = reading_problem(path)?;
    let text = format!("{problem}; until it can be read, on_failure decides");
    Some(warning(&[key::REVOCATION, of_list::FILE], &text))
}

fn tls_warnings(tls: &TlsSettings) -> Vec<String> {
    let mut warnings = Vec::new();
    // A file that can't be read is more than a warning: it is reported where it is used.
    let Ok(files) = tls.read_files() else { return warnings };
    let now = SystemClock.now();
    for (position, problem) in files.validity_problems(now).take(SHOWN_CERTIFICATES) {
        let section = tls.certificate_sections().nth(position).map(|(section, _)| section);
        let setting = [&*section.unwrap_or_default(), tls::settings::key::CERTIFICATE];
        warnings.push(warning(&setting, &format!("{problem}; clients will refuse it")));
    }
    if let Some(problem) = files.revocation_problem(now) {
        let setting = [&*tls.section, tls::settings::key::CRL_FILE];
        let text = format!("{problem}; the certificates of its authority's clients are refused");
        warnings.push(warning(&setting, &text));
    }
    warnings
}

fn shared_warnings(settings: &SharedSettings) -> impl Iterator<Item = String> {
    let address = &settings.address;
    let is_local = |node: &NodeAddress| crate::config::urls::is_loopback(&node.host);
    let plain = !address.tls && !address.nodes().iter().all(is_local);
    let warnings = [
        (
            plain,
            shared::settings::key::URL,
            "without TLS, the password and all that is shared can be read on the way",
        ),
        (
            settings.integrity == Integrity::None,
            shared::settings::key::INTEGRITY,
            "\"none\"; who can write to the server decides which tokens pass",
        ),
    ];
    let applying = warnings.into_iter().filter(|(applies, ..)| *applies);
    applying.map(|(_, name, text)| warning(&[key::SHARED, name], text))
}

/// `issuers.corp.keys: …`
pub(super) fn warning(setting: &[&str], text: &str) -> String {
    format!("{}: {text}", setting.join("."))
}

fn is_plain_http(keys: &KeySource) -> bool {
    match keys {
        KeySource::JwksUrl(url) | KeySource::JwkUrl { url, .. } => {
            let loopback = url.host().is_some_and(crate::config::urls::is_loopback);
            url.scheme_str() == Some("http") && !loopback
        }
        KeySource::Discovery { allow_http, .. } => *allow_http,
        _ => false,
    }
}

fn is_mode(path: &Path, bits: u32) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & bits != 0)
}
