//! What is allowed but deserves a second look: `check` prints it, `run` logs it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::Settings;
use crate::{
    clock::{Clock, SystemClock},
    introspection::settings::{IntrospectWhen, IntrospectionSettings},
    jose::Dialect,
    keys::settings::KeySource,
    revocation::settings::{ListSettings, ListSource, OnFailure},
    shared::settings::{Integrity, SharedSettings},
    signature::settings::{BodilessSettings, CallerBinding, SignerKeys},
    tls::settings::TlsSettings,
    token::issuer::settings::IssuerSettings,
};

mod claim_paths;

/// Anybody on the machine may read.
const READABLE_BY_OTHERS: u32 = 0o004;
/// Anybody on the machine may write.
const WRITABLE_BY_OTHERS: u32 = 0o002;

impl Settings {
    /// One sentence for every setting that weakens what is verified, for every key file that
    /// others can get at, and for a server certificate out of its validity. These are no mistakes:
    /// Kubernetes mounts secrets readable for everybody in the container, and a migration may have
    /// to accept ID tokens for a while.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.admin.listen.is_local() {
            warnings.push(format!(
                "admin.listen: {} can be reached from other machines; it shows configuration and \
                 metrics without authentication",
                self.admin.listen
            ));
        }
        if let Some(tls) = &self.server.tls {
            warnings.extend(tls_warnings(tls));
        }
        if self.identity.assertion.is_some() && self.cache.entries == 0 {
            warnings.push(
                "identity.assertion: with cache.entries = 0 an assertion is signed for every \
                 request"
                    .to_owned(),
            );
        }
        if !self.forwarding.drop_underscores {
            warnings.push(
                "forwarding.drop_underscores: off; upstreams that take _ for - can be given \
                 forged claim headers"
                    .to_owned(),
            );
        }
        if let Some(shared) = &self.shared {
            warnings.extend(shared_warnings(shared));
        }
        for issuer in &self.issuers {
            warnings.extend(issuer_warnings(issuer));
        }
        warnings.extend(self.claim_path_warnings());
        warnings.extend(self.signature_warnings());
        if let Some(list) = &self.revocation.list {
            warnings.extend(list_warnings(list));
        }
        warnings.extend(self.outlived_logouts());
        warnings.extend(self.exposed_files());
        warnings
    }

    fn signature_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (id, signature) in self.signatures.iter_with_ids() {
            let key = format!("signatures.{}", signature.name);
            if signature.caller == CallerBinding::Unrelated {
                warnings.push(format!(
                    "{key}.caller: unrelated; whoever has a token passes with a body that any of \
                     the signers has signed"
                ));
            }
            if signature.key_owner().is_some_and(|owner| is_plain_http(&owner.keys.source)) {
                warnings.push(format!(
                    "{key}.keys: fetched over plain http, where they can be forged on the way"
                ));
            }
            if signature.registry().is_some_and(|registry| registry.client.allow_http) {
                warnings.push(format!(
                    "{key}.keys.registry.allow_http: over plain http, keys can be forged on the way"
                ));
            }
            if matches!(signature.keys, SignerKeys::Issuer(_))
                && Dialect::ALL.iter().any(|dialect| {
                    dialect.encodes_payload() && signature.dialects.contains(*dialect)
                })
            {
                warnings.push(format!(
                    "{key}.dialects: a token of that issuer is written as these signatures are; \
                     whoever has one passes with its claims as the body, unless its typ says JWT"
                ));
            }
            if matches!(signature.bodiless, BodilessSettings::Path(_)) && signature.reads_body() {
                warnings.push(format!(
                    "{key}.body: requests without a body are signed over their path, and refused \
                     still: freshness or replay look for something in the body"
                ));
            }
            if !self.routes.all().iter().any(|route| route.signature == Some(id)) {
                warnings.push(format!("{key}: no route asks for it"));
            }
        }
        if self.evidence.is_some()
            && self.routes.all().iter().all(|route| route.signature.is_none())
        {
            warnings.push("evidence: no route asks for a signature, so nothing is kept".to_owned());
        }
        if self.evidence.as_ref().is_some_and(|evidence| evidence.key.is_none()) {
            warnings.push(
                "evidence.key_file: absent; the journal has no checkpoints, and can be forged as a \
                 whole by whoever can write to its folder"
                    .to_owned(),
            );
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
            format!(
                "issuers.{}.max_lifetime: is longer than revocation.logout_ttl, so that a token \
                 can be good again after its logout was forgotten",
                issuer.name
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
            "on_failure: while there is no list, revoked tokens pass",
        ),
        (plain_http, "url: fetched over plain http, where it can be forged on the way"),
        (writable, "file: can be written by every user of the machine"),
    ];
    warnings
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, text)| format!("revocation.{text}"))
}

fn tls_warnings(tls: &TlsSettings) -> Vec<String> {
    let mut warnings = Vec::new();
    // A file that can't be read is more than a warning: it is reported where it is used.
    let files = tls.read().ok();
    if let Some(problem) = files.and_then(|files| files.validity_problem(SystemClock.now())) {
        warnings.push(format!("server.tls.certificate: {problem}; clients will refuse it"));
    }
    warnings
}

fn shared_warnings(shared: &SharedSettings) -> impl Iterator<Item = String> {
    let address = &shared.address;
    let plain = !address.tls && !crate::config::urls::is_loopback(&address.host);
    let warnings = [
        (plain, "url: without TLS, the password and all that is shared can be read on the way"),
        (
            shared.integrity == Integrity::None,
            "integrity: \"none\"; who can write to the server decides which tokens pass",
        ),
    ];
    let applying = warnings.into_iter().filter(|(applies, _)| *applies);
    applying.map(|(_, text)| format!("shared.{text}"))
}

fn issuer_warnings(issuer: &IssuerSettings) -> impl Iterator<Item = String> {
    let keys = issuer.keys.as_ref().map(|keys| &keys.source);
    let plain_http = keys.is_some_and(is_plain_http);
    let introspection = issuer.introspection.as_ref();
    let asked_over_http = introspection.is_some_and(|asked| asked.client.allow_http);
    let forgets_at_once = issuer
        .introspection
        .as_ref()
        .is_some_and(|asked| asked.when == IntrospectWhen::Hybrid && asked.cache_entries == 0);
    let tells_kinds_apart = introspection.is_none_or(IntrospectionSettings::tells_kinds_apart);
    let writable = match keys {
        Some(KeySource::JwksFile(path) | KeySource::PemFile(path)) => {
            is_mode(path, WRITABLE_BY_OTHERS)
        }
        Some(
            KeySource::SecretFile(_)
            | KeySource::JwksUrl(_)
            | KeySource::JwkUrl { .. }
            | KeySource::Discovery { .. }
            | KeySource::Hex(_),
        )
        | None => false,
    };
    let expiry_waived = !issuer.requires_expiry();
    let warnings = [
        (
            issuer.audiences.is_none(),
            "audiences: \"any\" accepts tokens that were made for other services",
        ),
        (expiry_waived, "accept_without_expiry: tokens without \"exp\" are good forever"),
        (
            issuer.accept_id_tokens,
            "accept_id_tokens: ID tokens are made for clients, not for services",
        ),
        (issuer.ignore_binding, "ignore_binding: a stolen sender-constrained token passes"),
        (plain_http, "keys: fetched over plain http, where they can be forged on the way"),
        (writable, "keys: the file can be written by every user of the machine"),
        (
            asked_over_http,
            "introspection.allow_http: over plain http, tokens can be read and answers forged",
        ),
        (
            !tells_kinds_apart,
            "introspection.require: lists no \"token_type\"; the issuer's refresh tokens pass if it \
             calls them active and says no more of them",
        ),
        (
            forgets_at_once,
            "introspection.cache_entries: 0; that a token is not active is forgotten at once, and \
             it passes again until it is asked about",
        ),
    ];
    let name = issuer.name.clone();
    warnings
        .into_iter()
        .filter(|(applies, _)| *applies)
        .map(move |(_, text)| format!("issuers.{name}.{text}"))
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
