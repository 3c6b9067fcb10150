//! The parts of a configuration that the gate is built from.

use std::sync::Arc;

use crate::{
    cors::settings::CorsSettings,
    identity::{
        HeaderUses, assertion::settings::AssertionSettings,
        client_certificate::settings::CertificateHeaderSettings,
        headers::settings::ClaimHeaderSettings,
    },
    limits::settings::CallerLimitSettings,
    policy::{
        BasePath, HostPattern, Routes,
        ids::{PerIssuer, PerLimit, PerListener, PerResource, PerRoute, PerSignature, PerUpstream},
        settings::{HeaderSettings, HostSettings},
        upstream_credential::CredentialChoice,
    },
    resource::settings::ResourceSettings,
    signature::settings::SignatureSettings,
    token::{credential::settings::CredentialSettings, issuer::settings::IssuerSettings},
};

/// The parts of a configuration that a [`Gate`](super::Gate) is built from.
#[derive(Debug)]
pub struct GateParts<'s> {
    /// The token issuers.
    pub issuers: &'s PerIssuer<IssuerSettings>,
    /// How bodies are signed.
    pub signatures: &'s PerSignature<SignatureSettings>,
    /// The resources that clients can discover.
    pub resources: &'s PerResource<ResourceSettings>,
    /// How often, and how many at once, one caller may pass a route.
    pub limits: &'s PerLimit<CallerLimitSettings>,
    /// The routes, which refer to all of them.
    pub routes: &'s Arc<Routes>,
    /// The path in each upstream's URL.
    pub base_paths: PerUpstream<BasePath>,
    /// Headers with fixed values, on all routes.
    pub fixed_headers: &'s HeaderSettings,
    /// Which hosts of requests are taken.
    pub hosts: &'s HostSettings,
    /// Where in a request the credential travels.
    pub credential: &'s CredentialSettings,
    /// The hosts that each listener takes; none: all.
    pub listeners: PerListener<&'s [HostPattern]>,
    /// What the upstream of each route receives as credential.
    pub upstream_credentials: PerRoute<CredentialChoice>,
    /// Verified claim → header.
    pub claims: &'s [ClaimHeaderSettings],
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<&'s AssertionSettings>,
    /// What the upstream receives of a client's certificate; `None`: nothing.
    pub client_certificate: Option<&'s CertificateHeaderSettings>,
    /// Which web pages may read answers; `None`: that is left to the service.
    pub cors: Option<&'s CorsSettings>,
    /// Which upstreams are switched off.
    pub maintenance: PerUpstream<bool>,
    /// What headers of requests are used for.
    pub headers: HeaderUses<'s>,
}
