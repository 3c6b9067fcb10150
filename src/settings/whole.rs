//! The validated settings: plain data that needs no further checks.
//!
//! Only [`load`](super::load) makes a [`Settings`], so every bound, name and reference in it has
//! been checked.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{across, names};
use crate::{
    admin::{control::settings::ControlSettings, settings::AdminSettings},
    config::{
        ReadFiles,
        provenance::ConfigProvenance,
        reader::Section,
        writer::{Writer, Written},
    },
    cors::settings::CorsSettings,
    decision::denials::settings::DenialSettings,
    evidence::settings::EvidenceSettings,
    identity::{
        forwarded::settings::ForwardingSettings,
        headers::{self, settings::ClaimHeaderSettings},
        request_id::settings::RequestIdSettings,
        settings::IdentitySettings,
    },
    limits::{self, settings::CallerLimitSettings},
    otel::settings::OtelSettings,
    policy::{
        self, Routes,
        ids::{
            PerIssuer, PerLimit, PerListener, PerResource, PerSignature, PerUpstream,
            PerUpstreamCredential,
        },
        settings::{ExchangeLimits, HeaderSettings},
    },
    proxy::settings::{ListenerSettings, ServerSettings, listeners},
    refresh::settings::ReloadSettings,
    resolver::settings::ResolverSettings,
    resource::{self, settings::ResourceSettings},
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
    upstream::{self, settings::UpstreamSettings},
    upstream_credential::{self, settings::UpstreamCredentialSettings},
};

pub(crate) mod key {
    pub(crate) const SERVER: &str = "server";
    pub(crate) const ADMIN: &str = "admin";
    pub(crate) const CONTROL: &str = "control";
    pub(crate) const RELOAD: &str = "reload";
    pub(crate) const DEFAULTS: &str = "defaults";
    pub(crate) const UPSTREAMS: &str = "upstreams";
    pub(crate) const RESOLVER: &str = "resolver";
    pub(crate) const UPSTREAM_CREDENTIALS: &str = "upstream_credentials";
    pub(crate) const ISSUERS: &str = "issuers";
    pub(crate) const SIGNATURES: &str = "signatures";
    pub(crate) const RESOURCES: &str = "resources";
    pub(crate) const LIMITS: &str = "limits";
    pub(crate) const EVIDENCE: &str = "evidence";
    pub(crate) const CREDENTIAL: &str = "credential";
    pub(crate) const CACHE: &str = "cache";
    pub(crate) const REVOCATION: &str = "revocation";
    pub(crate) const SHARED: &str = "shared";
    pub(crate) const CLAIMS: &str = "claims";
    pub(crate) const IDENTITY: &str = "identity";
    pub(crate) const FORWARDING: &str = "forwarding";
    pub(crate) const HEADERS: &str = "headers";
    pub(crate) const CORS: &str = "cors";
    pub(crate) const DENIALS: &str = "denials";
    pub(crate) const REQUEST_ID: &str = "request_id";
    pub(crate) const LOG: &str = "log";
    pub(crate) const OTEL: &str = "otel";
}

/// The whole configuration of one running proxy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The downstream side: where requests arrive, and their bounds.
    pub server: ServerSettings,
    /// Where requests arrive: `server.listen`, if it is used, then `[[listeners]]`. Never empty.
    pub listeners: PerListener<ListenerSettings>,
    /// The operator's listener.
    pub admin: AdminSettings,
    /// The private listener. `None`: there is none.
    pub control: Option<ControlSettings>,
    /// Whether files are watched.
    pub reload: ReloadSettings,
    /// What requests may take, where neither their route nor its upstream says so.
    pub defaults: ExchangeLimits,
    /// The upstream services. Never empty.
    pub upstreams: PerUpstream<UpstreamSettings>,
    /// How upstreams' names are resolved. `None`: with the defaults.
    pub resolver: Option<ResolverSettings>,
    /// What upstreams may receive as credential, besides the caller's token.
    pub upstream_credentials: PerUpstreamCredential<UpstreamCredentialSettings>,
    /// The token issuers.
    pub issuers: PerIssuer<IssuerSettings>,
    /// How bodies are signed.
    pub signatures: PerSignature<SignatureSettings>,
    /// The protected resources that clients can discover.
    pub resources: PerResource<ResourceSettings>,
    /// How often, and how many at once, one caller may pass a route.
    pub limits: PerLimit<CallerLimitSettings>,
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
    /// Headers with fixed values, on all routes.
    pub headers: HeaderSettings,
    /// Which web pages may read answers. `None`: that is left to the service.
    pub cors: Option<CorsSettings>,
    /// How refusals look.
    pub denials: DenialSettings,
    /// The routes, compiled once for all users.
    pub routes: Arc<Routes>,
    /// What requests are called.
    pub request_id: RequestIdSettings,
    /// Logs.
    pub log: LogSettings,
    /// What is exported to an OpenTelemetry receiver. `None`: nothing.
    pub otel: Option<OtelSettings>,
    /// Where the values came from.
    pub(super) provenance: Arc<ConfigProvenance>,
}

impl Settings {
    /// Reads the whole tree. Mistakes go to the section's report, and the result counts only if
    /// there is none.
    pub(super) fn read(root: &mut Section<'_>) -> Self {
        let names = names::of_tree(root);
        if names.upstreams.is_empty() {
            root.mistake(
                key::UPSTREAMS,
                "no upstream is configured; expected an [upstreams.NAME] table with its url \
                 (flag --upstream)"
                    .to_owned(),
            );
        }
        let claims = root.section(key::CLAIMS, headers::settings::read);
        let has_listeners = root.peek(listeners::key::LISTENERS).is_some();
        let server =
            root.section(key::SERVER, |server| ServerSettings::read(server, has_listeners));
        let own = listeners::read(root);
        let of_server = server.listen.iter().map(|listen| {
            ListenerSettings::of_server(listen.clone(), server.tls.clone(), server.accepts.clone())
        });
        let defaults = root.section(key::DEFAULTS, ExchangeLimits::read_defaults);
        let settings = Self {
            listeners: of_server.chain(own).collect(),
            server,
            admin: root.section(key::ADMIN, AdminSettings::read),
            control: root.section(key::CONTROL, ControlSettings::read),
            reload: root.section(key::RELOAD, ReloadSettings::read),
            upstreams: root.section(key::UPSTREAMS, |upstreams| {
                upstream::settings::read(upstreams, &names.upstream_credentials, &defaults)
            }),
            resolver: root.section(key::RESOLVER, ResolverSettings::read),
            defaults,
            upstream_credentials: root
                .section(key::UPSTREAM_CREDENTIALS, upstream_credential::settings::read),
            issuers: root.section(key::ISSUERS, |section| {
                issuer::settings::read(section, !names.resources.is_empty())
            }),
            signatures: root.section(key::SIGNATURES, |section| {
                signature::settings::read(section, &SignatureNames { issuers: &names.issuers })
            }),
            resources: root.section(key::RESOURCES, resource::settings::read),
            limits: root.section(key::LIMITS, limits::settings::read),
            evidence: root.section(key::EVIDENCE, EvidenceSettings::read),
            credential: root.section(key::CREDENTIAL, CredentialSettings::read),
            cache: root.section(key::CACHE, CacheSettings::read),
            identity: root.section(key::IDENTITY, IdentitySettings::read),
            revocation: root.section(key::REVOCATION, RevocationSettings::read),
            shared: root.section(key::SHARED, SharedSettings::read),
            forwarding: root.section(key::FORWARDING, |forwarding| {
                ForwardingSettings::read(forwarding, &claims)
            }),
            claims,
            headers: root.section(key::HEADERS, HeaderSettings::read),
            cors: root.section(key::CORS, CorsSettings::read),
            denials: root
                .section(key::DENIALS, |denials| DenialSettings::read(denials, &names.profiles)),
            routes: Arc::new(policy::settings::read(root, &names)),
            request_id: root.section(key::REQUEST_ID, RequestIdSettings::read),
            log: root.section(key::LOG, LogSettings::read),
            otel: root.section(key::OTEL, OtelSettings::read),
            provenance: Arc::default(),
        };
        across::check(&settings, root);
        // Where something was left out for its mistakes, references can't be followed.
        if names::of_settings(&settings) == names {
            across::check_references(&settings, root);
        } else if root.mistakes() == 0 {
            root.own_mistake("a part of the configuration could not be read".to_owned());
        }
        settings
    }

    /// The effective configuration as TOML, with every default filled in.
    ///
    /// It can be loaded again and means the same. It holds no secret: settings name the files of
    /// secrets, never their content, URLs with user information are refused at load, and values
    /// that come from a variable or a file (`${NAME}`, `file:`) are written as these. What changes
    /// in a variable or such a file does therefore not show.
    pub fn to_toml(&self) -> String {
        // Only a map with keys that are no texts can't be written.
        toml::to_string(&self.written_as_shown()).unwrap_or_default()
    }

    /// [`Settings::to_toml`] with a comment after every value that is not a default: which file and
    /// line, variable or flag it comes from. For `check` and the admin listener's `/config`.
    pub fn to_annotated_toml(&self) -> String {
        self.provenance.annotate(&self.to_toml())
    }

    /// The effective configuration with the content of variables and files in it: to compare or
    /// hash, never to show.
    pub fn effective(&self) -> Zeroizing<String> {
        // Only a map with keys that are no texts can't be written.
        Zeroizing::new(toml::to_string(&self.write()).unwrap_or_default())
    }

    /// The files that it was read from. Those that settings name (keys, secrets, certificates) are
    /// not among them.
    pub fn files(&self) -> &ReadFiles {
        &self.provenance.files
    }

    /// The effective values, those of variables and files included: to compare, never to show.
    pub(crate) fn written(&self) -> Written {
        self.write()
    }

    /// The tree of [`Self::to_toml`].
    pub(crate) fn written_as_shown(&self) -> Written {
        self.provenance.with_references(self.write())
    }

    /// Those of `[[listeners]]`.
    pub(crate) fn further_listeners(&self) -> impl Iterator<Item = &ListenerSettings> {
        self.listeners.iter().skip(usize::from(self.server.listen.is_some()))
    }

    /// In the order of the document.
    fn write(&self) -> Written {
        let names = names::of_settings(self);
        let signature_names = SignatureNames { issuers: &names.issuers };
        let signatures = signature::settings::write(&self.signatures, &signature_names);
        Writer::default()
            .value(key::SERVER, self.server.write())
            .optional_value(listeners::key::LISTENERS, listeners::write(self.further_listeners()))
            .value(key::ADMIN, self.admin.write())
            .optional_value(key::CONTROL, self.control.as_ref().map(ControlSettings::write))
            .value(key::RELOAD, self.reload.write())
            .value(key::DEFAULTS, self.defaults.write_defaults())
            .value(
                key::UPSTREAMS,
                upstream::settings::write(&self.upstreams, &names.upstream_credentials),
            )
            .optional_value(key::RESOLVER, self.resolver.as_ref().map(ResolverSettings::write))
            .optional_members(
                key::UPSTREAM_CREDENTIALS,
                upstream_credential::settings::write(&self.upstream_credentials),
            )
            .value(key::ISSUERS, issuer::settings::write(&self.issuers))
            .optional_value(key::SIGNATURES, signatures)
            .optional_members(key::RESOURCES, resource::settings::write(&self.resources))
            .optional_members(key::LIMITS, limits::settings::write(&self.limits))
            .optional_value(key::EVIDENCE, self.evidence.as_ref().map(EvidenceSettings::write))
            .value(key::CREDENTIAL, self.credential.write())
            .value(key::CACHE, self.cache.write())
            .value(key::REVOCATION, self.revocation.write())
            .optional_value(key::SHARED, self.shared.as_ref().map(SharedSettings::write))
            .value(key::CLAIMS, headers::settings::write(&self.claims))
            .optional_value(key::IDENTITY, self.identity.write())
            .value(key::FORWARDING, self.forwarding.write())
            .optional_value(key::HEADERS, self.headers.write_table())
            .optional_value(key::CORS, self.cors.as_ref().map(CorsSettings::write))
            .value(key::DENIALS, self.denials.write(&names.profiles))
            .value(key::REQUEST_ID, self.request_id.write())
            .value(key::LOG, self.log.write())
            .optional_value(key::OTEL, self.otel.as_ref().map(OtelSettings::write))
            .value(policy::settings::key::ROUTES, policy::settings::write(&self.routes, &names))
            .table()
    }
}
