//! The validated settings: plain data that can be relied on without a second look.
//!
//! Only [`load`](super::load) makes a [`Settings`], so every bound, name and reference in it has
//! been checked.

use std::collections::BTreeMap;

use super::{
    cache::CacheSettings,
    claims::{self, ClaimHeaderSettings, fold},
    credential::CredentialSettings,
    denials::DenialSettings,
    evidence::EvidenceSettings,
    forwarding::ForwardingSettings,
    identity::IdentitySettings,
    issuers::{self, IssuerSettings},
    log::LogSettings,
    node::{Node, Value},
    reader::Section,
    revocation::RevocationSettings,
    routes::{self, AccessSettings, KnownNames, RouteSettings},
    server::{AdminSettings, ServerSettings},
    shared::SharedSettings,
    signatures::{self, CallerBinding, SignatureNames, SignatureSettings},
    upstreams::{self, UpstreamSettings},
};

/// Everything that one running proxy is told.
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
    /// How else the upstream is told who sends a request.
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
        let claims = root.section("claims", claims::build);
        let settings = Self {
            server: root.section("server", ServerSettings::build),
            admin: root.section("admin", AdminSettings::build),
            upstreams: root.section("upstreams", upstreams::build),
            issuers: root.section("issuers", issuers::build),
            signatures: root.section("signatures", |section| {
                signatures::build(section, &SignatureNames { issuers: &names.issuers })
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
            routes: routes::build(root, &names),
            log: root.section("log", LogSettings::build),
        };
        settings.check_across_sections(root);
        settings.check_complete(root, &names);
        settings
    }

    /// Index of the issuer that a route asks about tokens that do not say whose they are: the only
    /// one of its issuers that can be asked.
    pub fn asked_issuer(&self, route: &RouteSettings) -> Option<usize> {
        self.issuers_to_ask(route).next()
    }

    fn issuers_to_ask(&self, route: &RouteSettings) -> impl Iterator<Item = usize> {
        let issuers = match &route.access {
            AccessSettings::Token(requirement) => requirement.issuers.as_slice(),
            AccessSettings::Public => &[],
        };
        issuers.iter().copied().filter(|index| {
            self.issuers.get(*index).is_some_and(|issuer| issuer.introspection.is_some())
        })
    }

    /// A token that does not say whose it is must not be shown to one issuer after the other.
    fn check_asked_issuers(&self, root: &Section<'_>) {
        for (position, route) in self.routes.iter().enumerate() {
            let asked = self.issuers_to_ask(route).filter_map(|index| self.issuers.get(index));
            let names: Vec<_> = asked.map(|issuer| issuer.name.as_str()).collect();
            if names.len() > 1 {
                let message = format!(
                    "the issuers {} are all asked about tokens (introspection), and an opaque \
                     token does not say whose it is; expected one of them only",
                    names.join(" and ")
                );
                let origin = root.peek("routes").and_then(Node::origin);
                root.mistake_at(format!("routes[{position}].issuers"), origin, message);
            }
        }
    }

    /// A signature says something about whom a token belongs to, or there is no token (threats
    /// S-7).
    fn check_signed_routes(&self, root: &Section<'_>) {
        let origin = || root.peek("routes").and_then(Node::origin);
        let configured = match root.peek("signatures").map(|node| &node.value) {
            Some(Value::Table(signatures)) => signatures.len(),
            _ => 0,
        };
        if configured != self.signatures.len() {
            return; // One has mistakes of its own, so that it can't be told which is which.
        }
        for (position, route) in self.routes.iter().enumerate() {
            let Some(signature) = route.signature.and_then(|index| self.signatures.get(index))
            else {
                continue;
            };
            let has_token = matches!(route.access, AccessSettings::Token(_));
            let problem = match (has_token, signature.caller == CallerBinding::NoToken) {
                (true, true) => {
                    "does not say what its signer has to do with whom the token belongs to; \
                     expected its caller = { claim = \"azp\" }, or \"unrelated\""
                }
                (false, _) if signature.needs_token() => {
                    "compares something with a claim of the token, and a public route asks for \
                     none"
                }
                _ => continue,
            };
            let message = format!("the signature {:?} {problem}", signature.name);
            root.mistake_at(format!("routes[{position}].signature"), origin(), message);
        }
    }

    /// What the upstream is told must come from one place only (threats H-2).
    fn check_signature_headers(&self, root: &Section<'_>) {
        let claims = self.claims.iter().map(|claim| &claim.header);
        let assertion = self.identity.assertion.iter().map(|assertion| &assertion.header);
        let taken: Vec<String> = claims.chain(assertion).map(fold).collect();
        for signature in &self.signatures {
            let origin = || root.peek("signatures").and_then(Node::origin);
            let mut own: Vec<String> = Vec::new();
            for forward in &signature.forward {
                let folded = fold(&forward.header);
                if taken.contains(&folded) || own.contains(&folded) {
                    let key = format!("signatures.{}.headers.{}", signature.name, forward.header);
                    let message = "the header already tells something else".to_owned();
                    root.mistake_at(key, origin(), message);
                }
                own.push(folded);
            }
            let told = self.signatures.iter().flat_map(|signature| &signature.forward);
            let told: Vec<String> = told.map(|forward| fold(&forward.header)).collect();
            for header in &signature.headers {
                let folded = fold(header);
                if taken.contains(&folded) || told.contains(&folded) {
                    let message = format!(
                        "what clients send in {header:?} is removed, since the upstream is told \
                         something in it"
                    );
                    root.mistake_at(
                        format!("signatures.{}.header", signature.name),
                        origin(),
                        message,
                    );
                }
            }
        }
    }

    fn check_across_sections(&self, root: &Section<'_>) {
        self.check_asked_issuers(root);
        self.check_signed_routes(root);
        self.check_signature_headers(root);
        if self.server.listen.conflicts_with(&self.admin.listen) {
            let message = format!("is the same address as server.listen ({})", self.server.listen);
            let listen = root.peek("admin").and_then(|admin| admin.member("listen"));
            root.mistake_at("admin.listen".to_owned(), listen.and_then(Node::origin), message);
        }
        if self.credential.max_bytes >= self.server.limits.header_bytes {
            root.own_mistake(format!(
                "a token of credential.max_bytes ({}) does not fit into server.limits.header_bytes \
                 ({})",
                self.credential.max_bytes, self.server.limits.header_bytes
            ));
        }
        let assertion = self.identity.assertion.as_ref();
        let header_problem = assertion.and_then(|assertion| {
            assertion.header_problem(&self.claims, &self.credential, &self.forwarding)
        });
        if let Some((assertion, problem)) = assertion.zip(header_problem) {
            let message = format!("the header {:?} {problem}", assertion.header.as_str());
            let origin = root.peek("identity").and_then(Node::origin);
            root.mistake_at("identity.assertion.header".to_owned(), origin, message);
        }
        for header in self.credential.headers() {
            let same = |claim: &&ClaimHeaderSettings| fold(&claim.header) == fold(header);
            if let Some(claim) = self.claims.iter().find(same) {
                let message = format!(
                    "credential.sources reads the token from this header ({header:?}), and what \
                     clients send in the header of a claim is removed"
                );
                let key = format!("claims.{}", claim.header);
                root.mistake_at(key, root.peek("claims").and_then(Node::origin), message);
            }
        }
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
