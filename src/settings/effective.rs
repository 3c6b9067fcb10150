//! The effective configuration: settings written back as TOML, every default filled in.
//!
//! What it prints can be loaded again and means the same. It holds no secret: settings name the
//! files of secrets, never their content, and URLs with user information are refused at load.

use toml::{Table, Value};

use super::Settings;
use crate::{
    config::writer::Writer,
    identity::headers,
    policy::{
        HostPattern, comparison,
        settings::{AccessSettings, RequirementSettings, RouteSettings},
    },
    proxy::upstream,
    signature,
    token::issuer,
};

impl Settings {
    /// The effective configuration as TOML, for `check` and the admin listener's `/config`.
    pub fn to_toml(&self) -> String {
        let mut root = Table::new();
        root.insert("server".to_owned(), self.server.write());
        root.insert("admin".to_owned(), self.admin.write());
        root.insert("upstreams".to_owned(), upstream::settings::write(&self.upstreams));
        root.insert("issuers".to_owned(), issuer::settings::write(&self.issuers));
        if let Some(signatures) = signature::settings::write(&self.signatures, &self.issuers) {
            root.insert("signatures".to_owned(), signatures);
        }
        if let Some(evidence) = &self.evidence {
            root.insert("evidence".to_owned(), evidence.write());
        }
        root.insert("credential".to_owned(), self.credential.write());
        root.insert("cache".to_owned(), self.cache.write());
        root.insert("revocation".to_owned(), self.revocation.write());
        if let Some(shared) = &self.shared {
            root.insert("shared".to_owned(), shared.write());
        }
        root.insert("claims".to_owned(), headers::settings::write(&self.claims));
        if let Some(identity) = self.identity.write() {
            root.insert("identity".to_owned(), identity);
        }
        root.insert("forwarding".to_owned(), self.forwarding.write());
        root.insert("denials".to_owned(), self.denials.write());
        root.insert("log".to_owned(), self.log.write());
        let routes = self.routes.iter().map(|route| self.route_table(route));
        root.insert("routes".to_owned(), Value::Array(routes.collect()));
        // Only a map with keys that are no texts can't be written.
        toml::to_string(&root).unwrap_or_default()
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
            .optional_members("claims", comparison::settings::write(&requirement.claims))
    }
}
