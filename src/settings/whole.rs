//! The validated settings: plain data that can be relied on without a second look.
//!
//! Only [`load`](super::load) makes a [`Settings`], so every bound, name and reference in it has
//! been checked.

use std::sync::Arc;

use super::across;
use crate::{
    config::{reader::Section, values::Names},
    decision::denials::settings::DenialSettings,
    evidence::settings::EvidenceSettings,
    identity::{
        forwarded::settings::ForwardingSettings,
        headers::{self, settings::ClaimHeaderSettings},
        settings::IdentitySettings,
    },
    policy::{
        self, Routes,
        denial_profile::BUILT_IN,
        ids::{PerIssuer, PerSignature, PerUpstream},
        settings::KnownNames,
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
    /// The services behind the proxy. Never empty.
    pub upstreams: PerUpstream<UpstreamSettings>,
    /// The token issuers.
    pub issuers: PerIssuer<IssuerSettings>,
    /// How bodies are signed.
    pub signatures: PerSignature<SignatureSettings>,
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
    /// The routes, compiled once for all that ask about them.
    pub routes: Arc<Routes>,
    /// Logs.
    pub log: LogSettings,
}

impl Settings {
    /// Reads the whole tree. Mistakes go to the section's report, and the result counts only if
    /// there is none.
    pub(super) fn build(root: &mut Section<'_>) -> Self {
        let names = KnownNames::of(root);
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
            routes: Arc::new(policy::settings::build(root, &names)),
            log: root.section("log", LogSettings::build),
        };
        let complete = settings.is_complete(&names);
        across::check(&settings, root);
        if complete {
            across::check_references(&settings, root);
        } else if root.mistakes() == 0 {
            root.own_mistake("a part of the configuration could not be read".to_owned());
        }
        settings
    }

    /// Whether each name has its settings. Otherwise something was left out for its mistakes, and
    /// what refers to the names can't be followed.
    fn is_complete(&self, names: &KnownNames) -> bool {
        let profiles = self.denials.profiles.iter().map(|profile| &profile.name);
        let own = names.profiles.iter().skip(BUILT_IN.len());
        is_each(&names.issuers, self.issuers.iter().map(|issuer| &issuer.name))
            && is_each(&names.signatures, self.signatures.iter().map(|signature| &signature.name))
            && is_each(&names.upstreams, self.upstreams.iter().map(|upstream| &upstream.name))
            && own.map(|(name, _)| name).eq(profiles)
    }
}

fn is_each<'s, T>(names: &'s Names<T>, read: impl Iterator<Item = &'s String>) -> bool {
    names.iter().map(|(name, _)| name).eq(read)
}
