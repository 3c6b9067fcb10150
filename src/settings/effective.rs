//! The effective configuration: settings written back as TOML, every default filled in.
//!
//! What it prints can be loaded again and means the same. It holds no secret: settings name the
//! files of secrets, never their content, and URLs with user information are refused at load.

use toml::{Table, Value};

use super::Settings;
use crate::{
    config::writer::Writer,
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
    proxy::{answer, upstream},
    revocation::settings::written::revocation_table,
    shared::settings::written::shared_table,
    signature::settings::written::signature_table,
    token::issuer::settings::written::{issuer_table, names},
};

impl Settings {
    /// The effective configuration as TOML, for `check` and the admin listener's `/config`.
    pub fn to_toml(&self) -> String {
        let mut root = Table::new();
        root.insert("server".to_owned(), self.server.write());
        root.insert("admin".to_owned(), self.admin.write());
        root.insert("upstreams".to_owned(), upstream::settings::write(&self.upstreams));
        root.insert("issuers".to_owned(), self.issuers_table());
        if !self.signatures.is_empty() {
            root.insert("signatures".to_owned(), self.signatures_table());
        }
        if let Some(evidence) = &self.evidence {
            root.insert("evidence".to_owned(), evidence_table(evidence));
        }
        root.insert("credential".to_owned(), self.credential.write());
        root.insert("cache".to_owned(), self.cache.write());
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
        root.insert("denials".to_owned(), answer::settings::written::table(&self.denials));
        root.insert("log".to_owned(), self.log.write());
        let routes = self.routes.iter().map(|route| self.route_table(route));
        root.insert("routes".to_owned(), Value::Array(routes.collect()));
        // Only a map with keys that are no texts can't be written.
        toml::to_string(&root).unwrap_or_default()
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
        let signature = route.signature.and_then(|index| self.signatures.get(index));
        let writer = writer.optional("signature", signature.map(|signature| &signature.name));
        writer.text("upstream", &route.upstream).optional("denials", denials).table()
    }

    fn requirement(&self, writer: Writer, requirement: &RequirementSettings) -> Writer {
        let issuers = requirement.issuers.iter();
        let issuers = issuers.filter_map(|index| self.issuers.get(*index));
        writer
            .list("issuers", issuers.map(|issuer| &issuer.name))
            .list("scopes", &requirement.all_scopes)
            .list("any_scopes", &requirement.any_scopes)
            .optional_value("claims", comparison::settings::written(&requirement.claims))
    }
}
