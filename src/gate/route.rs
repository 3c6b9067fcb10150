//! A route as the gate and the proxy need it: its requirement, its upstream, its counters.

use std::sync::Arc;

use super::{GateParts, Metrics, RouteCounters};
use crate::{
    policy::{
        Requirement, ScopeClaims,
        ids::{IssuerId, PerIssuer, PerRoute, PerSignature, RouteId, UpstreamId},
        settings::{AccessSettings, AuthorizationHeader, RouteSettings},
    },
    signature::SignatureRules,
    token::{CredentialPlaces, CredentialSources, issuer::settings::IssuerSettings},
};

/// One compiled route.
#[derive(Debug)]
pub struct Route {
    id: RouteId,
    label: String,
    requirement: Option<Requirement>,
    sources: Arc<CredentialSources>,
    keeps_authorization: bool,
    introspection_issuer: Option<IssuerId>,
    signature: Option<Arc<SignatureRules>>,
    upstream: UpstreamId,
    counters: RouteCounters,
}

/// What every route is compiled with.
struct Shared<'p> {
    issuers: &'p PerIssuer<IssuerSettings>,
    scopes: PerIssuer<Arc<ScopeClaims>>,
    signatures: PerSignature<Arc<SignatureRules>>,
    places: &'p CredentialPlaces,
    metrics: &'p Metrics,
}

impl Route {
    /// Every route of the configuration.
    pub(super) fn table(
        parts: &GateParts<'_>,
        signatures: PerSignature<Arc<SignatureRules>>,
        places: &CredentialPlaces,
        metrics: &Metrics,
    ) -> PerRoute<Arc<Self>> {
        let issuers = parts.issuers;
        let scopes = issuers.map(|issuer| Arc::clone(&issuer.scopes));
        let shared = Shared { issuers, scopes, signatures, places, metrics };
        parts.routes.all().map_with_ids(|id, route| Arc::new(Self::new(id, route, &shared)))
    }

    fn new(id: RouteId, route: &RouteSettings, shared: &Shared<'_>) -> Self {
        let label = label(route);
        Self {
            id,
            requirement: match &route.access {
                AccessSettings::Public => None,
                AccessSettings::Token(requirement) => {
                    Some(Requirement::compile(requirement, &shared.scopes))
                }
            },
            sources: shared.places.of_route(&route.credential),
            keeps_authorization: route.authorization == AuthorizationHeader::Keep,
            introspection_issuer: introspection_issuers(route, shared.issuers).next(),
            signature: route.signature.map(|id| Arc::clone(shared.signatures.get(id))),
            upstream: route.upstream,
            counters: shared.metrics.of_route(&label),
            label,
        }
    }

    /// Which one it is.
    pub fn id(&self) -> RouteId {
        self.id
    }

    /// Its name in metrics and logs: the operator's words, never a request's.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it requires of a token; `None` if it is public.
    pub fn requirement(&self) -> Option<&Requirement> {
        self.requirement.as_ref()
    }

    /// Where its requests may carry their credential.
    pub fn sources(&self) -> &CredentialSources {
        &self.sources
    }

    /// Whether `Authorization` is the service's own.
    pub fn keeps_authorization(&self) -> bool {
        self.keeps_authorization
    }

    /// The issuer that introspects opaque tokens.
    pub fn introspection_issuer(&self) -> Option<IssuerId> {
        self.introspection_issuer
    }

    /// The rules by which its requests are signed, if they are.
    pub fn signature(&self) -> Option<&SignatureRules> {
        self.signature.as_deref()
    }

    /// Where its requests go.
    pub fn upstream(&self) -> UpstreamId {
        self.upstream
    }

    /// Its counters.
    pub fn counters(&self) -> &RouteCounters {
        &self.counters
    }
}

/// The issuers that could introspect a route's opaque tokens. A valid configuration has at most
/// one, for each route.
pub(crate) fn introspection_issuers(
    route: &RouteSettings,
    issuers: &PerIssuer<IssuerSettings>,
) -> impl Iterator<Item = IssuerId> {
    let accepted = match &route.access {
        AccessSettings::Token(requirement) => requirement.issuers.as_slice(),
        AccessSettings::Public => &[],
    };
    accepted.iter().copied().filter(|issuer| issuers.get(*issuer).introspection.is_some())
}

/// `GET,POST api.example.com/loans/**`, with the parts that the route leaves open left out.
fn label(route: &RouteSettings) -> String {
    let methods: Vec<_> = route.methods.iter().map(http::Method::as_str).collect();
    let hosts: Vec<_> = route.hosts.iter().map(crate::policy::HostPattern::as_str).collect();
    let space = if methods.is_empty() { "" } else { " " };
    format!("{}{space}{}{}", methods.join(","), hosts.join(","), route.path.as_str())
}
