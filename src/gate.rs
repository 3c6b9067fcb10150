//! Decides *may it pass, and as whom?*: an [`Admission`] or a [`Denial`].

mod audiences;
mod caller;
mod denial;
mod explained;
mod forged_headers;
mod limited;
mod metrics;
mod parts;
mod preflight;
mod record;
mod restriction;
mod route;
mod shown_denials;
mod unmet;
mod unsigned;
mod upstream_credential;

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderValue};

use crate::{
    clock::Clock,
    cors::Cors,
    identity::{
        AssertedToken, Assertions, ClaimHeaders, ClientCertificate, Forwarded, Hygiene,
        PeerAddress, RequestOrigin, client_certificate::settings::CertificateHeaderSettings,
    },
    limits::{LimitPermit, Limiters},
    policy::{
        AnswerHeaderRules, CanonicalRequest, NotCanonical, OutgoingPath, RequestRules, Requirement,
        RouteDestination, RouteMatch, Routes,
        credential::PlaceSet,
        ids::{IssuerId, ListenerId, PerIssuer, PerListener, PerRoute, RouteId, UpstreamId},
        settings::{Guests, HeaderSettings},
    },
    providers::Providers,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    signature::{SignatureRules, VerifiedSignature},
    telemetry::MetricRegistry,
    token::{CredentialPlaces, Presented, TokenCache, TokenVerifier, VerifiedToken},
};

use caller::Caller;
use forged_headers::ForgedHeaders;

pub use denial::Denial;
pub use explained::{Explained, ExplainedRequest, NotExplained, OwnAnswer, Unchecked};
pub(crate) use metrics::Metrics;
pub(crate) use metrics::UNROUTED;
pub use metrics::{RequestMeter, RouteCounters};
pub use parts::GateParts;
pub use preflight::AnnouncedRequest;
pub use route::Route;
pub(crate) use route::introspection_issuers;
pub use unsigned::{Decision, Unsigned};
pub use upstream_credential::ServiceCredential;

/// The rules of one configuration, compiled. Shared by all workers; changes by replacement.
#[derive(Debug)]
pub struct Gate {
    request_rules: PerListener<RequestRules>,
    matcher: Arc<Routes>,
    routes: PerRoute<Arc<Route>>,
    places: CredentialPlaces,
    /// From which places each issuer's tokens are taken.
    issuer_places: PerIssuer<PlaceSet>,
    verifier: TokenVerifier,
    hygiene: Hygiene,
    forged_headers: ForgedHeaders,
    forwarded: Forwarded,
    assertions: Option<Arc<Assertions>>,
    certificate_headers: Option<Box<CertificateHeaderSettings>>,
    cors: Option<Box<Cors>>,
    /// For answers of no route.
    answer_headers: Option<Box<AnswerHeaderRules>>,
    clock: Arc<dyn Clock>,
    issuer_names: PerIssuer<String>,
    metrics: Metrics,
    meter: RequestMeter,
    unrouted: RouteCounters,
}

/// Permission to forward one request: what [`Gate::admit`] grants and the proxy demands.
#[derive(Debug)]
pub struct Admission<'g> {
    route: &'g Arc<Route>,
    /// Where it goes.
    upstream: UpstreamId,
    caller: Option<Caller>,
    /// Apart, so that an admission without one is moved at no cost.
    signature: Option<Box<VerifiedSignature>>,
    /// What the limits of the route have granted, where it has some.
    permit: Option<Box<LimitPermit>>,
}

/// Who sent a request, as far as the socket shows.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address; `None` on a unix socket.
    pub address: Option<PeerAddress>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What it showed in the TLS handshake, verified.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Gate {
    /// Compiles the parts of a configuration. The providers belong to the same one.
    pub fn new(
        parts: &GateParts<'_>,
        providers: &Providers,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let gate_metrics = Metrics::register(metrics);
        shown_denials::show(parts, &gate_metrics);
        let limit = parts.headers.forwarding.max_header_bytes;
        let assertions = parts
            .assertion
            .map(|assertion| Arc::new(Assertions::compile(assertion, limit, metrics)));
        let signatures = SignatureRules::compile_all(parts.signatures, providers, &clock, metrics);
        let verifier = TokenVerifier::new(
            &audiences::widened(parts),
            providers,
            ClaimHeaders::compile(parts.claims, limit).with_assertions(assertions.clone()),
            parts.credential.max_bytes,
            Arc::clone(&clock),
            metrics,
        );
        let (tables, shared) = (&providers.limits, providers.shared());
        let limiters = Limiters::compile(parts.limits, tables, shared, metrics);
        let of_routes = parts.routes.all().iter().map(|route| &route.credential);
        let places = CredentialPlaces::new(parts.credential, of_routes);
        Self {
            request_rules: parts.listeners.map_with_ids(|listener, hosts| {
                RequestRules::new(Arc::clone(parts.routes), parts.hosts.clone())
                    .of_listener(listener, hosts.to_vec())
            }),
            matcher: Arc::clone(parts.routes),
            routes: Route::table(parts, signatures, &places, &limiters, providers, &gate_metrics),
            issuer_places: parts.issuers.map(|issuer| places.set(issuer.sources.as_deref())),
            places,
            verifier,
            hygiene: Hygiene::compile(&parts.headers).counting(metrics),
            forged_headers: ForgedHeaders::default(),
            forwarded: Forwarded::new(parts.headers.forwarding),
            assertions,
            certificate_headers: parts.client_certificate.cloned().map(Box::new),
            cors: parts.cors.map(|cors| Box::new(Cors::compile(cors))),
            answer_headers: AnswerHeaderRules::compile(
                parts.fixed_headers,
                &HeaderSettings::default(),
            ),
            clock,
            issuer_names: parts.issuers.map(|issuer| issuer.name.clone()),
            meter: gate_metrics.of_requests(),
            unrouted: gate_metrics.of_route(UNROUTED, false, false),
            metrics: gate_metrics,
        }
    }

    /// Takes the parameters out of the query that may carry a credential. Nothing else is to read
    /// the request before.
    ///
    /// # Errors
    /// As [`CanonicalRequest::take_parameters`].
    pub fn take_parameters(&self, request: &mut CanonicalRequest) -> Result<(), NotCanonical> {
        let names = self.places.parameters();
        if names.is_empty() { Ok(()) } else { request.take_parameters(names) }
    }

    /// Decides on a request, as far as it can be done without its body.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn admit(
        &self,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        peer: &Peer,
        cache: &RefCell<TokenCache>,
    ) -> Result<Decision<'_>, Denial> {
        let route = self.route(request)?;
        self.check_restrictions(route, headers, peer)?;
        let upstream = match route.destination() {
            RouteDestination::Upstream(upstream) => *upstream,
            RouteDestination::Redirect(to) => return Ok(Decision::Redirect(route, to)),
        };
        let caller = match route.requirement() {
            None => None,
            Some(requirement) => {
                let deny = |reason| Denial::new(reason).on(route);
                match route.sources().extract(request, headers) {
                    Ok(found) => {
                        let sources = route.sources();
                        sources.check_site(&found, request, headers, peer.scheme).map_err(deny)?;
                        let presented = Presented { credential: found.credential(), headers };
                        let caller =
                            self.identify(presented, found.places, route, requirement, cache);
                        caller.await.map_err(|denial| denial.on(route))?
                    }
                    Err(Reason::CredentialMissing) if requirement.guests() != Guests::Refused => {
                        None
                    }
                    Err(reason) => return Err(deny(reason.into())),
                }
            }
        };
        let (permit, later) = match route.limits() {
            None => (None, None),
            Some(limits) => {
                let limited = self.limit(route, limits, caller.as_ref(), headers, peer);
                let (permit, later) = Box::pin(limited).await.map_err(|denial| {
                    let issuer = caller.as_ref().map(|caller| caller.token.issuer());
                    denial.of_issuer(issuer).on(route)
                })?;
                (Some(permit), later)
            }
        };
        let admission = Admission { route, upstream, caller, signature: None, permit };
        Ok(match route.signature() {
            None => Decision::Admitted(admission),
            Some(rules) => Decision::Unsigned(Unsigned::new(admission, rules, later)),
        })
    }

    /// Rewrites a request's headers for the upstream: headers a client must not set are removed
    /// (threats H-1 … H-4, H-9), the credential is stripped, our headers are set. The [`RequestOrigin`],
    /// if there is one, is not among them: it has to be sent with the request.
    ///
    /// # Errors
    /// A [`Denial`] where cleaning would hide an attack.
    pub fn prepare<'r>(
        &self,
        admission: &Admission<'_>,
        request: &'r CanonicalRequest,
        headers: &mut HeaderMap,
        peer: &'r Peer,
    ) -> Result<Option<RequestOrigin<'r>>, Denial> {
        let forged = self
            .hygiene
            .clean_request(headers)
            .map_err(|violation| Denial::new(violation.cause()).on(admission.route))?;
        if let Some(header) = forged.first() {
            let client = self.forwarded.client(headers, peer.address.as_ref());
            self.forged_headers.removed(header, admission.route, client);
        }
        Ok(self.rewrite(admission, request, headers, peer))
    }

    /// What is left to do on headers that are clean.
    fn rewrite<'r>(
        &self,
        admission: &Admission<'_>,
        request: &'r CanonicalRequest,
        headers: &mut HeaderMap,
        peer: &'r Peer,
    ) -> Option<RequestOrigin<'r>> {
        let caller = admission.caller.as_ref();
        let kept = admission.route.kept_credentials();
        self.places.strip(headers, caller.map(|caller| caller.places), kept);
        if let Some(rules) = admission.route.request_headers() {
            rules.apply(headers);
        }
        let origin = self.forwarded.apply(
            headers,
            peer.address.as_ref(),
            peer.scheme,
            request.authority_value(),
        );
        if let (Some(of), Some(certificate)) = (&self.certificate_headers, &peer.certificate) {
            of.apply(headers, certificate);
        }
        if let Some(prefix) = admission.route.outgoing().and_then(OutgoingPath::stripped) {
            self.forwarded.set_prefix(headers, peer.address.as_ref(), prefix);
        }
        if let Some(caller) = caller {
            caller.token.headers().apply(headers);
        }
        if let Some(signature) = &admission.signature {
            signature.apply(headers);
        }
        let assertion = caller.and_then(|caller| caller.assertion.as_ref());
        if let (Some(assertions), Some(value)) = (&self.assertions, assertion) {
            headers.insert(assertions.header(), HeaderValue::clone(value));
        }
        origin
    }

    /// How metrics and logs call the issuer of a token; empty where none is known.
    pub fn issuer_label(&self, issuer: Option<IssuerId>) -> &str {
        issuer.map_or("", |issuer| self.issuer_names.get(issuer))
    }

    /// What is set in answers to requests of no route.
    pub fn answer_headers(&self) -> Option<&AnswerHeaderRules> {
        self.answer_headers.as_deref()
    }

    /// Whom is believed what they say of others.
    pub fn forwarded(&self) -> &Forwarded {
        &self.forwarded
    }

    /// Which web pages may read answers, where that is configured.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_deref()
    }

    /// The compiled form of a route of this configuration.
    pub fn compiled(&self, route: &Route) -> &Arc<Route> {
        self.routes.get(route.id())
    }

    /// What is counted of every request.
    pub(crate) fn meter(&self) -> &RequestMeter {
        &self.meter
    }

    /// The counters of a route; `None`: of requests that have none.
    pub(crate) fn counters(&self, route: Option<RouteId>) -> &RouteCounters {
        route.map_or(&self.unrouted, |route| self.routes.get(route).counters())
    }

    /// The verifier, for `explain` and for logout tokens.
    pub fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// Whether a verified token suffices for a route that requires one: the part of the verdict
    /// that depends on the route and on the time, so that it is made for every request.
    ///
    /// # Errors
    /// The cause of the first check that fails.
    pub fn check(
        &self,
        route: &Route,
        requirement: &Requirement,
        token: &VerifiedToken,
    ) -> Result<(), Cause> {
        if let Some(audiences) = route.audiences() {
            audiences.check(token)?;
        }
        requirement
            .check(token.issuer(), token.claims())
            .map_err(|unmet| self.unmet(unmet, requirement, token))?;
        match requirement.authentication() {
            Some(required) => required
                .check(token.authentication(), self.clock.now())
                .map_err(|unmet| required.unmet(unmet, token.claims())),
            None => Ok(()),
        }
    }

    /// How the requests of a listener are made canonical.
    pub fn request_rules(&self, listener: ListenerId) -> &RequestRules {
        self.request_rules.get(listener)
    }

    /// What matches a request among the routes of its listener.
    fn find(&self, request: &CanonicalRequest) -> RouteMatch<'_> {
        if self.request_rules(request.listener()).takes_host(request) {
            self.matcher.find(request)
        } else {
            RouteMatch::NoRoute
        }
    }

    /// The route that a request takes.
    ///
    /// # Errors
    /// The [`Denial`] of a request that takes none.
    pub fn route(&self, request: &CanonicalRequest) -> Result<&Arc<Route>, Denial> {
        match self.find(request) {
            RouteMatch::Found(route) => Ok(self.routes.get(route)),
            RouteMatch::MethodNotAllowed { allow } => {
                Err(Denial::method_not_allowed(allow.clone()))
            }
            RouteMatch::Ambiguous => {
                let found = format_args!(
                    "a path that leads to another route without parameters, or decoded again"
                );
                let subject = Subject::new(Part::Request, Fault::Ambiguous);
                let cause = Reason::RequestNotCanonical.about(subject.found(Excerpt::own(found)));
                Err(Denial::new(cause))
            }
            RouteMatch::NoRoute => Err(Denial::new(Reason::RouteUnknown)),
        }
    }

    /// The assertion about the token for the upstream, where one is configured.
    async fn assertion(&self, token: &VerifiedToken) -> Result<Option<Box<HeaderValue>>, Denial> {
        let (Some(assertions), Some(slot)) = (&self.assertions, token.headers().assertion()) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let asserted = AssertedToken {
            issuer: self.verifier.iss_of(token),
            claims: token.claims(),
            ends: token.ends(now),
        };
        let unavailable =
            |_| Denial::new(Reason::AssertionUnavailable).of_issuer(Some(token.issuer()));
        let value = assertions.value(slot, asserted, now).await.map_err(unavailable)?;
        Ok(Some(Box::new(value)))
    }
}

impl<'g> Admission<'g> {
    /// The route that was taken.
    pub fn route(&self) -> &'g Arc<Route> {
        self.route
    }

    /// The upstream that the request is for.
    pub fn upstream(&self) -> UpstreamId {
        self.upstream
    }

    /// The refusal of a request with a valid signature that can't be served as its route requires.
    pub fn refuse(&self, cause: impl Into<Cause>) -> Denial {
        Denial::of_signature(cause).on(self.route)
    }

    /// What the limits of the route have granted, to be held until the answer has ended.
    pub fn take_permit(&mut self) -> Option<Box<LimitPermit>> {
        self.permit.take()
    }

    /// The signature, where the route requires one.
    pub fn signature(&self) -> Option<&VerifiedSignature> {
        self.signature.as_deref()
    }

    /// The token, to be kept; `None` if the route needs none.
    pub fn shared_token(&self) -> Option<&Rc<VerifiedToken>> {
        self.caller.as_ref().map(|caller| &caller.token)
    }

    /// The token, unless the route needs none.
    pub fn token(&self) -> Option<&VerifiedToken> {
        self.caller.as_ref().map(|caller| &*caller.token)
    }
}
