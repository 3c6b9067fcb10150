//! A route as the gate and the proxy need it: its requirement, its upstream, its counters.

use std::sync::Arc;

use super::{
    Denial, GateParts, Metrics, RouteCounters, audiences::RouteAudiences, restriction::Restrictions,
};
use crate::{
    limits::{Limiters, RouteLimits},
    policy::{
        AnswerHeaderRules, CanonicalRequest, CertificateRule, OutgoingPath, OutgoingTarget,
        Redirect, RequestHeaderRules, Requirement, RouteDestination, ScopeClaims,
        ids::{IssuerId, PerIssuer, PerRoute, PerSignature, RouteId},
        settings::{
            AccessSettings, AddressSettings, AuthorizationHeader, OutgoingSettings, RouteSettings,
        },
        upstream_credential::CredentialChoice,
    },
    providers::Providers,
    signature::SignatureRules,
    token::{
        CredentialPlaces, CredentialSources, KeptCredentials, RouteIssuers,
        issuer::settings::IssuerSettings,
    },
    upstream_credential::UpstreamCredential,
};

/// One compiled route.
#[derive(Debug)]
pub struct Route {
    id: RouteId,
    label: String,
    requirement: Option<Requirement>,
    sources: Arc<CredentialSources>,
    kept_credentials: KeptCredentials,
    upstream_credential: Option<Arc<UpstreamCredential>>,
    audiences: Option<RouteAudiences>,
    metadata_url: Option<String>,
    issuers: RouteIssuers,
    signature: Option<Arc<SignatureRules>>,
    destination: RouteDestination,
    client_certificate: Option<Box<CertificateRule>>,
    outgoing: Option<Box<OutgoingPath>>,
    request_headers: Option<Box<RequestHeaderRules>>,
    answer_headers: Option<Box<AnswerHeaderRules>>,
    is_shared: bool,
    /// Boxed: few routes have some.
    restrictions: Option<Box<Restrictions>>,
    limits: Option<Box<RouteLimits>>,
    counters: RouteCounters,
}

/// What every route is compiled with.
struct Shared<'p> {
    parts: &'p GateParts<'p>,
    scopes: PerIssuer<Arc<ScopeClaims>>,
    signatures: PerSignature<Arc<SignatureRules>>,
    places: &'p CredentialPlaces,
    limiters: &'p Limiters,
    providers: &'p Providers,
    metrics: &'p Metrics,
}

impl Route {
    /// Every route of the configuration.
    pub(super) fn table(
        parts: &GateParts<'_>,
        signatures: PerSignature<Arc<SignatureRules>>,
        places: &CredentialPlaces,
        limiters: &Limiters,
        providers: &Providers,
        metrics: &Metrics,
    ) -> PerRoute<Arc<Self>> {
        let scopes = parts.issuers.map(|issuer| Arc::clone(&issuer.scopes));
        let shared = Shared { parts, scopes, signatures, places, limiters, providers, metrics };
        parts.routes.all().map_with_ids(|id, route| Arc::new(Self::new(id, route, &shared)))
    }

    fn new(id: RouteId, route: &RouteSettings, shared: &Shared<'_>) -> Self {
        let label = route.label();
        let parts = shared.parts;
        let requirement = match &route.access {
            AccessSettings::Public => None,
            AccessSettings::Token(requirement) => Some(requirement),
        };
        let resource = requirement.and_then(|requirement| requirement.resource);
        let cors = parts.cors.map(|cors| route.cors.unwrap_or(cors.all_routes));
        let is_shared = cors.unwrap_or_default();
        let choice = *parts.upstream_credentials.get(id);
        Self {
            id,
            requirement: requirement.map(|it| Requirement::compile(it, &shared.scopes)),
            sources: shared.places.of_route(&route.credential),
            kept_credentials: KeptCredentials {
                verified_token: choice == CredentialChoice::Forward,
                authorization: route.authorization == AuthorizationHeader::Keep,
            },
            upstream_credential: match choice {
                CredentialChoice::Own(id) => {
                    Some(Arc::clone(shared.providers.upstream_credentials.get(id)))
                }
                CredentialChoice::None | CredentialChoice::Forward => None,
            },
            audiences: requirement.and_then(|it| RouteAudiences::compile(it, parts)),
            metadata_url: resource.map(|id| parts.resources.get(id).id.metadata_url()),
            issuers: RouteIssuers {
                introspection: introspection_issuers(route, parts.issuers).next(),
                unnamed: unnamed_issuer(route, parts.issuers),
            },
            signature: route.signature.map(|id| Arc::clone(shared.signatures.get(id))),
            destination: route.destination.clone(),
            client_certificate: route.client_certificate.clone().map(Box::new),
            outgoing: outgoing_path(route, parts),
            request_headers: RequestHeaderRules::compile(parts.fixed_headers, &route.headers),
            answer_headers: AnswerHeaderRules::compile(parts.fixed_headers, &route.headers),
            is_shared,
            restrictions: Restrictions::compile(route, parts),
            limits: shared.limiters.of_route(&route.limits),
            counters: shared.metrics.of_route(
                &label,
                is_shared,
                route.destination.redirect().is_some(),
            ),
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

    /// What the service receives of its requests' own credentials.
    pub fn kept_credentials(&self) -> KeptCredentials {
        self.kept_credentials
    }

    /// What the service receives in place of the caller's token.
    pub fn upstream_credential(&self) -> Option<&'_ UpstreamCredential> {
        self.upstream_credential.as_deref()
    }

    /// Whom its tokens must be for, where the verifier can't know that.
    pub(super) fn audiences(&self) -> Option<&RouteAudiences> {
        self.audiences.as_ref()
    }

    /// Where clients find how to get a token for it (RFC 9728 §5.1); `None`: it is of no resource.
    pub fn metadata_url(&self) -> Option<&str> {
        self.metadata_url.as_deref()
    }

    /// The issuers of tokens that do not name one.
    pub fn issuers(&self) -> RouteIssuers {
        self.issuers
    }

    /// The rules by which its requests are signed, if they are.
    pub fn signature(&self) -> Option<&SignatureRules> {
        self.signature.as_deref()
    }

    /// Where its requests go.
    pub fn destination(&self) -> &RouteDestination {
        &self.destination
    }

    /// What it requires of the connection's certificate.
    pub fn client_certificate(&self) -> Option<&CertificateRule> {
        self.client_certificate.as_deref()
    }

    /// Where its clients are sent; `None`: its requests are forwarded.
    pub fn redirect(&self) -> Option<&Redirect> {
        self.destination.redirect()
    }

    /// What is set in its requests, whatever they are.
    pub(super) fn request_headers(&self) -> Option<&RequestHeaderRules> {
        self.request_headers.as_deref()
    }

    /// What is set in its answers, and removed from them.
    pub fn answer_headers(&self) -> Option<&AnswerHeaderRules> {
        self.answer_headers.as_deref()
    }

    /// What its upstream receives as path; `None`: the canonical one.
    pub fn outgoing(&self) -> Option<&OutgoingPath> {
        self.outgoing.as_deref()
    }

    /// The target that the upstream receives of a request; `None`: the canonical one.
    ///
    /// # Errors
    /// The [`Denial`] of a path that would lead out of what the route is for.
    pub fn outgoing_target(
        self: &Arc<Self>,
        request: &CanonicalRequest,
    ) -> Result<Option<Box<OutgoingTarget>>, Denial> {
        let Some(outgoing) = &self.outgoing else {
            return Ok(None);
        };
        let target = outgoing.apply(request);
        target.map(Some).map_err(|refused| Denial::new(refused.cause()).on(self))
    }

    /// Whether `[cors]` applies to it.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Which addresses its clients may have; `None`: any, or none.
    pub fn addresses(&self) -> Option<&AddressSettings> {
        self.restrictions.as_ref().map(|it| &it.addresses).filter(|it| it.is_set())
    }

    /// What keeps requests from it, whatever their credential.
    pub(super) fn restrictions(&self) -> Option<&Restrictions> {
        self.restrictions.as_deref()
    }

    /// How often, and how many at once, one caller may pass; `None`: any number.
    pub fn limits(&self) -> Option<&RouteLimits> {
        self.limits.as_deref()
    }

    /// Its counters.
    pub fn counters(&self) -> &RouteCounters {
        &self.counters
    }
}

fn outgoing_path(route: &RouteSettings, parts: &GateParts<'_>) -> Option<Box<OutgoingPath>> {
    let base = parts.base_paths.get(route.destination.upstream()?);
    let OutgoingSettings { change, rewrite_location } = &route.outgoing;
    OutgoingPath::compile(change, base, *rewrite_location)
}

/// The issuers that could introspect a route's opaque tokens. A valid configuration has at most
/// one, for each route.
pub(crate) fn introspection_issuers(
    route: &RouteSettings,
    issuers: &PerIssuer<IssuerSettings>,
) -> impl Iterator<Item = IssuerId> {
    accepted(route).iter().copied().filter(|issuer| issuers.get(*issuer).introspection.is_some())
}

/// The issuer of a route's tokens without `iss`: the only one that the route accepts.
fn unnamed_issuer(route: &RouteSettings, issuers: &PerIssuer<IssuerSettings>) -> Option<IssuerId> {
    match accepted(route) {
        [only] => Some(*only).filter(|id| issuers.get(*id).waivers.without_issuer),
        _ => None,
    }
}

fn accepted(route: &RouteSettings) -> &[IssuerId] {
    match &route.access {
        AccessSettings::Token(requirement) => &requirement.issuers,
        AccessSettings::Public => &[],
    }
}
