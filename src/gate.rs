//! The one question, *may it pass, and as whom?*, and its answer: an [`Admission`] or a
//! [`Denial`].

mod denial;
mod parts;
mod route;
mod unsigned;

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderValue};

use crate::{
    clock::Clock,
    identity::{AssertedToken, Assertions, ClaimHeaders, Forwarded, Hygiene, PeerAddress},
    policy::{CanonicalRequest, Requirement, RouteMatch, Routes},
    providers::Providers,
    reason::Reason,
    signature::{SignatureRules, VerifiedSignature},
    telemetry::{Metrics, SHOWN_METHOD, SHOWN_PATH, cut},
    token::{CredentialSources, Rejection, TokenCache, TokenVerifier, VerifiedToken},
};

pub use denial::Denial;
pub use parts::GateParts;
pub(crate) use route::issuers_to_ask;
pub use route::{Route, RouteCounters};
pub use unsigned::{Decision, Unsigned};

/// The rules of one configuration, compiled. Shared by all workers; changes by replacement.
#[derive(Debug)]
pub struct Gate {
    routes: Routes,
    table: Vec<Route>,
    credentials: CredentialSources,
    verifier: TokenVerifier,
    signatures: Vec<SignatureRules>,
    hygiene: Hygiene,
    forwarded: Forwarded,
    assertions: Option<Arc<Assertions>>,
    clock: Arc<dyn Clock>,
    issuer_names: Vec<String>,
    metrics: Metrics,
    unrouted: RouteCounters,
}

/// Permission to forward one request: what [`Gate::admit`] grants and the proxy demands.
#[derive(Debug)]
pub struct Admission<'g> {
    route: &'g Route,
    token: Option<Rc<VerifiedToken>>,
    assertion: Option<HeaderValue>,
    /// Apart, so that an admission without one is moved at no cost.
    signature: Option<Box<VerifiedSignature>>,
}

/// Who sent a request, as far as the socket tells.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address; `None` on a unix socket.
    pub address: Option<PeerAddress>,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Gate {
    /// Compiles the parts of a configuration. The providers belong to the same one.
    pub fn new(
        parts: &GateParts<'_>,
        providers: &Providers,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let limit = parts.headers.forwarding.max_header_bytes;
        let assertions = Self::assertions(parts, metrics);
        let verifier = TokenVerifier::new(
            parts.issuers,
            providers,
            ClaimHeaders::compile(parts.claims, limit).with_assertions(assertions.clone()),
            parts.credential.max_bytes,
            Arc::clone(&clock),
            metrics,
        );
        Self {
            // Validated routes hold no duplicates; if they did, no route would match at all.
            routes: Routes::compile(parts.routes).unwrap_or_default(),
            table: Route::table(parts, metrics),
            credentials: CredentialSources::new(parts.credential),
            verifier,
            signatures: SignatureRules::compile_all(parts.signatures, providers, &clock, metrics),
            hygiene: Hygiene::compile(&parts.headers),
            forwarded: Forwarded::new(parts.headers.forwarding),
            assertions,
            clock,
            issuer_names: parts.issuers.iter().map(|issuer| issuer.name.clone()).collect(),
            metrics: metrics.clone(),
            unrouted: RouteCounters::new(metrics, "(none)"),
        }
    }

    fn assertions(parts: &GateParts<'_>, metrics: &Metrics) -> Option<Arc<Assertions>> {
        let assertion = parts.assertion?;
        let token_issuers = parts.issuers.iter().map(|issuer| issuer.issuer.clone()).collect();
        let limit = parts.headers.forwarding.max_header_bytes;
        Some(Arc::new(Assertions::compile(assertion, token_issuers, limit, metrics)))
    }

    /// Decides on a request, as far as it can be done without its body.
    ///
    /// # Errors
    /// The [`Denial`] of the first check that fails.
    pub async fn admit(
        &self,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        cache: &RefCell<TokenCache>,
    ) -> Result<Decision<'_>, Denial> {
        let route = self.route(request)?;
        let (token, assertion) =
            self.identify(route, headers, cache).await.map_err(|denial| denial.on(route))?;
        let admission = Admission { route, token, assertion, signature: None };
        let signature = route.signature().and_then(|index| self.signatures.get(index));
        Ok(match signature {
            None => Decision::Admitted(admission),
            Some(rules) => Decision::Unsigned(Unsigned::new(admission, rules)),
        })
    }

    /// Whose request it is, where the route wants to know.
    async fn identify(
        &self,
        route: &Route,
        headers: &HeaderMap,
        cache: &RefCell<TokenCache>,
    ) -> Result<(Option<Rc<VerifiedToken>>, Option<HeaderValue>), Denial> {
        let Some(requirement) = route.requirement() else {
            return Ok((None, None));
        };
        let token = self.token(headers, route.asked(), cache).await?;
        Self::check(requirement, &token)?;
        let assertion = self.assertion(&token).await?;
        Ok((Some(token), assertion))
    }

    /// Rewrites a request's headers for the upstream: what a client must not say is removed
    /// (threats H-1 … H-4, H-9), the credential is stripped, what we say is set.
    ///
    /// # Errors
    /// A [`Denial`] where cleaning would hide an attack.
    pub fn prepare(
        &self,
        admission: &Admission<'_>,
        request: &CanonicalRequest,
        headers: &mut HeaderMap,
        peer: &Peer,
    ) -> Result<(), Denial> {
        let forged = self
            .hygiene
            .clean_request(headers)
            .map_err(|_| Denial::new(Reason::HeaderNotAllowed).on(admission.route))?;
        if forged > 0 {
            tracing::debug!(route = admission.route.label(), forged, "managed headers removed");
        }
        self.credentials.strip(headers, admission.token.is_some());
        self.forwarded.apply(
            headers,
            peer.address.as_ref(),
            peer.scheme,
            request.authority_value(),
        );
        if let Some(token) = &admission.token {
            token.headers().apply(headers);
        }
        if let Some(signature) = &admission.signature {
            signature.apply(headers);
        }
        if let (Some(assertions), Some(value)) = (&self.assertions, &admission.assertion) {
            headers.insert(assertions.header(), value.clone());
        }
        Ok(())
    }

    /// Counts and logs a denial. Called once for each, where it becomes an answer.
    ///
    /// The line holds the canonical path, which is printable ASCII, and never the query, which
    /// may hold secrets. `denial_id` is what the answer calls itself.
    pub fn record(
        &self,
        denial: &Denial,
        request: Option<&CanonicalRequest>,
        denial_id: Option<&str>,
    ) {
        let issuer = self.issuer_name(denial.issuer());
        self.metrics.denials.with_label_values(&[denial.reason().code(), issuer]).inc();
        let route = denial.route().and_then(|index| self.table.get(index));
        route.map_or(&self.unrouted, Route::counters).denied.inc();
        tracing::info!(
            reason = denial.reason().code(),
            route = route.map_or("(none)", Route::label),
            issuer,
            method = request.map(|request| cut(request.method().as_str(), SHOWN_METHOD)),
            path = request.map(|request| cut(request.path(), SHOWN_PATH)),
            denial_id,
            "denied"
        );
    }

    /// What the configuration calls the issuer of that index; empty: there is none.
    pub fn issuer_name(&self, index: Option<usize>) -> &str {
        index.and_then(|index| self.issuer_names.get(index)).map_or("", String::as_str)
    }

    /// The route of that index.
    pub fn route_at(&self, index: usize) -> Option<&Route> {
        self.table.get(index)
    }

    /// The rules by which a route's requests are signed, and their index in the settings.
    pub fn signature_of(&self, route: &Route) -> Option<(usize, &SignatureRules)> {
        let index = route.signature()?;
        Some((index, self.signatures.get(index)?))
    }

    /// The verifier, for `explain` and for logout tokens.
    pub fn verifier(&self) -> &TokenVerifier {
        &self.verifier
    }

    /// The route that a request takes.
    ///
    /// # Errors
    /// The [`Denial`] of a request that takes none.
    pub fn route(&self, request: &CanonicalRequest) -> Result<&Route, Denial> {
        match self.routes.find(request) {
            RouteMatch::Found(index) => {
                self.table.get(index).ok_or_else(|| Denial::new(Reason::RouteUnknown))
            }
            RouteMatch::MethodNotAllowed { allow } => {
                Err(Denial::method_not_allowed(allow.clone()))
            }
            RouteMatch::AmbiguousParameters => Err(Denial::new(Reason::RequestNotCanonical)),
            RouteMatch::NoRoute => Err(Denial::new(Reason::RouteUnknown)),
        }
    }

    async fn token(
        &self,
        headers: &HeaderMap,
        asked: Option<usize>,
        cache: &RefCell<TokenCache>,
    ) -> Result<Rc<VerifiedToken>, Denial> {
        let credential = self.credentials.extract(headers).map_err(Denial::new)?;
        let deny = |rejection: Rejection| Denial::new(rejection.reason).of_issuer(rejection.issuer);
        let token = self.verifier.verify(credential, asked, cache).await.map_err(deny)?;
        self.verifier.check_request(&token, headers, &mut ()).map_err(deny)?;
        Ok(token)
    }

    /// The assertion about the token for the upstream, where one is configured.
    async fn assertion(&self, token: &VerifiedToken) -> Result<Option<HeaderValue>, Denial> {
        let (Some(assertions), Some(slot)) = (&self.assertions, token.headers().assertion()) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let asserted =
            AssertedToken { issuer: token.issuer(), claims: token.claims(), ends: token.ends(now) };
        let unavailable =
            |_| Denial::new(Reason::AssertionUnavailable).of_issuer(Some(token.issuer()));
        assertions.value(slot, asserted, now).await.map(Some).map_err(unavailable)
    }

    fn check(requirement: &Requirement, token: &VerifiedToken) -> Result<(), Denial> {
        requirement
            .check(token.issuer(), token.claims())
            .map_err(|unmet| Denial::new(unmet.into()).of_issuer(Some(token.issuer())))
    }
}

impl<'g> Admission<'g> {
    /// The route that was taken.
    pub fn route(&self) -> &'g Route {
        self.route
    }

    /// The refusal of a request whose signature is right, and that can't be served as its route
    /// wants it.
    pub fn refuse(&self, reason: Reason) -> Denial {
        Denial::of_signature(reason).on(self.route)
    }

    /// The signature, where the route asks for one.
    pub fn signature(&self) -> Option<&VerifiedSignature> {
        self.signature.as_deref()
    }

    /// The token, unless the route is public.
    pub fn token(&self) -> Option<&VerifiedToken> {
        self.token.as_deref()
    }
}
