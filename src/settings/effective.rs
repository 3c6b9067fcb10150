//! The effective configuration: settings written back as TOML, every default filled in.
//!
//! What it prints can be loaded again and means the same. It holds no secret: settings name the
//! files of secrets, never their content, and URLs with user information are refused at load.

use toml::{Table, Value};

use super::Settings;
use crate::{
    config::writer::Writer,
    decision::denials,
    evidence::settings::written::evidence_table,
    identity::settings::written::assertion_table,
    identity::{
        Encoding,
        headers::settings::{ClaimHeaderSettings, ENCODINGS},
    },
    policy::{
        HostPattern, comparison,
        settings::{AccessSettings, RequirementSettings, RouteSettings},
    },
    proxy::{settings::LimitSettings, upstream::settings::UpstreamSettings},
    revocation::settings::written::revocation_table,
    shared::settings::written::shared_table,
    signature::settings::written::signature_table,
    telemetry::settings::{FORMATS, LogSettings},
    tls::settings::TlsSettings,
    token::credential::settings::CredentialSource,
    token::issuer::settings::written::{issuer_table, names},
};

impl Settings {
    /// The effective configuration as TOML, for `check` and the admin listener's `/config`.
    pub fn to_toml(&self) -> String {
        let mut root = Table::new();
        root.insert("server".to_owned(), self.server_table());
        let admin = Writer::default().text("listen", &self.admin.listen);
        root.insert("admin".to_owned(), admin.table());
        root.insert("upstreams".to_owned(), self.upstreams_table());
        root.insert("issuers".to_owned(), self.issuers_table());
        if !self.signatures.is_empty() {
            root.insert("signatures".to_owned(), self.signatures_table());
        }
        if let Some(evidence) = &self.evidence {
            root.insert("evidence".to_owned(), evidence_table(evidence));
        }
        root.insert("credential".to_owned(), self.credential_table());
        root.insert("cache".to_owned(), self.cache_table());
        root.insert("revocation".to_owned(), revocation_table(&self.revocation));
        if let Some(shared) = &self.shared {
            root.insert("shared".to_owned(), shared_table(shared));
        }
        root.insert("claims".to_owned(), self.claims_table());
        if let Some(assertion) = &self.identity.assertion {
            let identity = Writer::default().value("assertion", assertion_table(assertion));
            root.insert("identity".to_owned(), identity.table());
        }
        root.insert("forwarding".to_owned(), self.forwarding_table());
        root.insert("denials".to_owned(), denials::settings::written::table(&self.denials));
        root.insert("log".to_owned(), log_table(&self.log));
        let routes = self.routes.all().iter().map(|route| self.route_table(route));
        root.insert("routes".to_owned(), Value::Array(routes.collect()));
        // Only a map with keys that are no texts can't be written.
        toml::to_string(&root).unwrap_or_default()
    }

    fn server_table(&self) -> Value {
        let workers = self.server.workers.map_or(0, std::num::NonZeroUsize::get);
        let writer = Writer::default()
            .text("listen", &self.server.listen)
            .count("workers", workers)
            .duration("shutdown_grace", self.server.shutdown_grace)
            .duration("drain_timeout", self.server.drain_timeout);
        let writer = match &self.server.tls {
            Some(tls) => writer.value("tls", tls_table(tls)),
            None => writer,
        };
        writer.value("limits", limits_table(&self.server.limits)).table()
    }

    fn upstreams_table(&self) -> Value {
        let upstreams = self.upstreams.iter();
        upstreams
            .map(|upstream| (upstream.name.clone(), upstream_table(upstream)))
            .collect::<Table>()
            .into()
    }

    fn issuers_table(&self) -> Value {
        let issuers = self.issuers.iter();
        issuers.map(|issuer| (issuer.name.clone(), issuer_table(issuer))).collect::<Table>().into()
    }

    fn signatures_table(&self) -> Value {
        let signatures = self.signatures.iter();
        signatures
            .map(|signature| (signature.name.clone(), signature_table(signature, &self.issuers)))
            .collect::<Table>()
            .into()
    }

    fn credential_table(&self) -> Value {
        let sources = self.credential.sources.iter().map(|source| match source {
            CredentialSource::Header { name, scheme } => {
                Writer::default().text("header", name).optional("scheme", scheme.as_ref()).table()
            }
            CredentialSource::Cookie(name) => Writer::default().text("cookie", name).table(),
        });
        Writer::default()
            .value("sources", Value::Array(sources.collect()))
            .size("max_bytes", self.credential.max_bytes)
            .switch("forward", self.credential.forward)
            .table()
    }

    fn cache_table(&self) -> Value {
        Writer::default()
            .count("entries", self.cache.entries)
            .size("bytes", self.cache.bytes)
            .duration("max_age", self.cache.max_age)
            .count("rejected_entries", self.cache.rejected_entries)
            .table()
    }

    fn claims_table(&self) -> Value {
        let line = |claim: &ClaimHeaderSettings| {
            let names = match claim.claims.as_slice() {
                [only] => Value::from(only.as_str()),
                several => names(several),
            };
            if claim.encoding == Encoding::default() {
                return names;
            }
            let encoding = ENCODINGS.iter().find(|(_, known)| *known == claim.encoding);
            Writer::default()
                .value("claim", names)
                .optional("encoding", encoding.map(|(name, _)| name))
                .table()
        };
        let claims = self.claims.iter();
        claims.map(|claim| (claim.header.to_string(), line(claim))).collect::<Table>().into()
    }

    fn forwarding_table(&self) -> Value {
        Writer::default()
            .list("trusted_proxies", &self.forwarding.trusted_proxies)
            .switch("drop_underscores", self.forwarding.drop_underscores)
            .list("remove", &self.forwarding.remove)
            .list("keep", &self.forwarding.keep)
            .size("max_header_bytes", self.forwarding.max_header_bytes)
            .table()
    }

    fn route_table(&self, route: &RouteSettings) -> Value {
        let writer = Writer::default()
            .text("path", route.path.as_str())
            .list("methods", &route.methods)
            .list("hosts", route.hosts.iter().map(HostPattern::as_str));
        let writer = match &route.access {
            AccessSettings::Public => writer.text("access", "public"),
            AccessSettings::Token(requirement) => {
                self.requirement(writer.text("access", "protected"), requirement)
            }
        };
        let denials = route.denials.map(|profile| self.denials.name_of(profile));
        let signature = route.signature.map(|signature| &self.signatures.get(signature).name);
        writer
            .optional("signature", signature)
            .text("upstream", &self.upstreams.get(route.upstream).name)
            .optional("denials", denials)
            .table()
    }

    fn requirement(&self, writer: Writer, requirement: &RequirementSettings) -> Writer {
        let issuers = requirement.issuers.iter().map(|issuer| &self.issuers.get(*issuer).name);
        writer
            .list("issuers", issuers)
            .list("scopes", &requirement.all_scopes)
            .list("any_scopes", &requirement.any_scopes)
            .optional_value("claims", comparison::settings::written(&requirement.claims))
    }
}

fn tls_table(tls: &TlsSettings) -> Value {
    let authorities = tls.client_auth.as_ref().map(|auth| &*auth.authorities);
    Writer::default()
        .path("certificate", &tls.certificate)
        .path("private_key", &tls.private_key)
        .optional_path("client_ca", authorities)
        .text("client_auth", tls.client_auth_word())
        .table()
}

fn limits_table(limits: &LimitSettings) -> Value {
    Writer::default()
        .count("connections", limits.connections)
        .size("header_bytes", limits.header_bytes)
        .duration("header_timeout", limits.header_timeout)
        .duration("idle_timeout", limits.idle_timeout)
        .duration("body_timeout", limits.body_timeout)
        .value("http2_streams", i64::from(limits.http2_streams).into())
        .size("body_bytes", limits.held.body_bytes)
        .size("body_memory", limits.held.body_memory)
        .size("buffer_bytes", limits.held.buffer_bytes)
        .size("body_rate", limits.held.body_rate)
        .optional_path("buffer_folder", limits.held.buffer_folder.as_deref())
        .table()
}

fn upstream_table(upstream: &UpstreamSettings) -> Value {
    Writer::default()
        .text("url", &upstream.address)
        .duration("connect_timeout", upstream.connect_timeout)
        .duration("response_timeout", upstream.response_timeout)
        .duration("stream_timeout", upstream.stream_timeout)
        .duration("idle_timeout", upstream.idle_timeout)
        .count("max_idle", upstream.max_idle)
        .table()
}

fn log_table(log: &LogSettings) -> Value {
    let format = FORMATS.iter().find(|(_, known)| *known == log.format);
    Writer::default()
        .text("level", &log.level)
        .optional("format", format.map(|(name, _)| name))
        .switch("access_log", log.access_log)
        .table()
}
