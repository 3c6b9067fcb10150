//! The validated settings: plain data that can be relied on without a second look.
//!
//! Only [`load`](super::load) makes a [`Settings`], so every bound, name and reference in it has
//! been checked.

use std::collections::BTreeMap;

use super::across;
use crate::{
    config::{node::Node, reader::Section},
    decision::denials::settings::DenialSettings,
    evidence::settings::EvidenceSettings,
    identity::{
        forwarded::settings::ForwardingSettings,
        headers::{self, settings::ClaimHeaderSettings},
        settings::IdentitySettings,
    },
    policy::{
        self,
        settings::{KnownNames, RouteSettings},
    },
    proxy::{
        settings::{AdminSettings, ServerSettings},
        upstream::{self, settings::UpstreamSettings},
    },
    revocation::settings::RevocationSettings,
    shared::settings::SharedSettings,
    signature::{
        self,
        settings::{SignatureNames, SignatureSettings},
    },
    telemetry::settings::LogSettings,
    token::{
        cache::settings::CacheSettings,
        credential::settings::CredentialSettings,
        issuer::{self, settings::IssuerSettings},
    },
};

/// The whole configuration of one running proxy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The downstream side: where requests come in, and within which bounds.
    pub server: ServerSettings,
    /// The operator's listener.
    pub admin: AdminSettings,
    /// The services behind the proxy, by name. Never empty.
    pub upstreams: BTreeMap<String, UpstreamSettings>,
    /// The token issuers, in the order of their names. Routes refer to them by index.
    pub issuers: Vec<IssuerSettings>,
    /// How bodies are signed, in the order of their names. Routes refer to them by index.
    pub signatures: Vec<SignatureSettings>,
    /// The journal of signed requests; `None`: there is none.
    pub evidence: Option<EvidenceSettings>,
    /// Where in a request the credential travels.
    pub credential: CredentialSettings,
    /// The verified-token cache of each worker.
    pub cache: CacheSettings,
    /// Tokens that are refused before they expire.
    pub revocation: RevocationSettings,
    /// What is shared with other replicas. `None`: nothing.
    pub shared: Option<SharedSettings>,
    /// Verified claim → header, in the order of the header names.
    pub claims: Vec<ClaimHeaderSettings>,
    /// How else the upstream learns who sends a request.
    pub identity: IdentitySettings,
    /// Which inbound headers are dropped and which are set.
    pub forwarding: ForwardingSettings,
    /// How refusals look.
    pub denials: DenialSettings,
    /// The routes, in the order written.
    pub routes: Vec<RouteSettings>,
    /// Logs.
    pub log: LogSettings,
}

impl Settings {
    /// Reads the whole tree. Mistakes go to the section's report, and the result counts only if
    /// there is none.
    pub(super) fn build(root: &mut Section<'_>) -> Self {
        let names = KnownNames {
            issuers: member_names(root.peek("issuers")),
            upstreams: member_names(root.peek("upstreams")),
            signatures: member_names(root.peek("signatures")),
            profiles: member_names(root.peek("denials").and_then(|node| node.member("profiles"))),
        };
        if names.upstreams.is_empty() {
            root.mistake(
                "upstreams",
                "no upstream is configured; expected an [upstreams.NAME] table with its url \
                 (flag --upstream)"
                    .to_owned(),
            );
        }
        let claims = root.section("claims", headers::settings::build);
        let settings = Self {
            server: root.section("server", ServerSettings::build),
            admin: root.section("admin", AdminSettings::build),
            upstreams: root.section("upstreams", upstream::settings::build),
            issuers: root.section("issuers", issuer::settings::build),
            signatures: root.section("signatures", |section| {
                signature::settings::build(section, &SignatureNames { issuers: &names.issuers })
            }),
            evidence: root.section("evidence", EvidenceSettings::build),
            credential: root.section("credential", CredentialSettings::build),
            cache: root.section("cache", CacheSettings::build),
            identity: root.section("identity", IdentitySettings::build),
            revocation: root.section("revocation", RevocationSettings::build),
            shared: root.section("shared", SharedSettings::build),
            forwarding: root
                .section("forwarding", |forwarding| ForwardingSettings::build(forwarding, &claims)),
            claims,
            denials: root
                .section("denials", |denials| DenialSettings::build(denials, &names.profiles)),
            routes: policy::settings::build(root, &names),
            log: root.section("log", LogSettings::build),
        };
        across::check(&settings, root);
        settings.check_complete(root, &names);
        settings
    }

    /// Routes refer to issuers by index: one that was left out without a word would shift them.
    fn check_complete(&self, root: &Section<'_>, names: &KnownNames) {
        let signatures = self.signatures.iter().map(|signature| &signature.name);
        let complete = self.issuers.iter().map(|issuer| &issuer.name).eq(&names.issuers)
            && signatures.eq(&names.signatures)
            && self.upstreams.keys().eq(&names.upstreams);
        if !complete && root.mistakes() == 0 {
            root.own_mistake("a part of the configuration could not be read".to_owned());
        }
    }
}

fn member_names(table: Option<&Node>) -> Vec<String> {
    table.and_then(Node::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}
