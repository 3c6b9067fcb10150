//! Verifies tokens: whose is it, and is it valid?

mod aside;
mod cached;
mod carried;
mod checks;
mod expired;
mod route_issuers;
mod uncached;
mod verified;

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Instant};

use prometheus::IntCounterVec;
use tokio::task::yield_now;

use crate::{
    clock::{Clock, UnixTime},
    identity::ClaimHeaders,
    policy::ids::{IssuerId, PerIssuer},
    providers::Providers,
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    revocation::Revocations,
    telemetry::MetricRegistry,
    token::issuer::settings::IssuerSettings,
};

use super::{
    Credential, Metrics,
    cache::{NEVER_CLEAR, TokenCache},
    durations::Durations,
    issuer::Issuer,
    jwt::{JwtCandidate, Observer, claims::missing},
    logout,
    path::AfterSignature,
    request_binding::{Presented, RequestBinding},
    revoked, statement,
};

use self::{
    aside::Aside,
    checks::{CHECKS_AND_INTROSPECTION, CHECKS_OF_FILLED},
    uncached::{VerificationPath, VerifyFailure},
};

pub use self::{checks::CHECKS, route_issuers::RouteIssuers, verified::VerifiedToken};

/// Why a token is refused, and whose it claims to be if that is a configured issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The reason, and what it is about.
    pub cause: Cause,
    /// The configured issuer that the token names.
    pub issuer: Option<IssuerId>,
}

/// Verifies tokens of the configured issuers. Shared by all workers; each worker has its own
/// [`TokenCache`].
#[derive(Debug)]
pub struct TokenVerifier {
    /// What the issuers were made from.
    settings: PerIssuer<IssuerSettings>,
    issuers: PerIssuer<Issuer>,
    bindings: PerIssuer<RequestBinding>,
    by_name: HashMap<String, IssuerId>,
    pub(super) revocations: Arc<Revocations>,
    claim_headers: ClaimHeaders,
    pub(super) clock: Arc<dyn Clock>,
    max_bytes: usize,
    durations: Durations,
    pub(super) logouts: IntCounterVec,
}

impl TokenVerifier {
    /// A verifier for these issuers, whose keys `providers` has.
    pub fn new(
        issuers: &PerIssuer<IssuerSettings>,
        providers: &Providers,
        claim_headers: ClaimHeaders,
        max_bytes: usize,
        clock: Arc<dyn Clock>,
        metrics: &MetricRegistry,
    ) -> Self {
        let algorithms = issuers.iter().flat_map(|issuer| issuer.algorithms.iter()).collect();
        let single = issuers.iter_with_ids().filter(|(_, issuer)| issuer.tenant.is_none());
        let by_name = single.map(|(id, issuer)| (issuer.issuer.clone(), id)).collect();
        let Metrics { verification, logouts } = Metrics::register(metrics);
        for issuer in issuers {
            logout::announce(issuer, &logouts);
        }
        let settings = issuers.clone();
        let bindings = issuers.map(|settings| RequestBinding::new(&settings.binding));
        let issuers = issuers.map_with_ids(|id, settings| {
            let keys = Arc::clone(providers.issuer_keys(id));
            Issuer::new(settings, keys, providers.introspection.of(id).cloned())
        });
        let durations = Durations::new(&verification, algorithms);
        let revocations = Arc::clone(&providers.revocations);
        Self {
            settings,
            issuers,
            bindings,
            by_name,
            revocations,
            claim_headers,
            clock,
            max_bytes,
            durations,
            logouts,
        }
    }

    /// The verdict on a token and on the request that presents it. That on the token is from the
    /// cache if it is there, else by verifying. `route` is what the route knows of the token's
    /// issuer.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails; [`Reason::KeysUnavailable`],
    /// [`Reason::IntrospectionUnavailable`] and [`Reason::RevocationUnavailable`] where that is
    /// unknown.
    pub async fn verify(
        &self,
        presented: Presented<'_>,
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let token = presented.credential.as_bytes();
        let started = Instant::now();
        let now = self.clock.now();
        let cached = self.lookup_cached(token, route, cache, now);
        let verified = if let Some(verdict) = cached {
            let verified = verdict?;
            self.durations.observe_hit(verified.algorithm(), started);
            verified
        } else {
            // Boxed: the way without cached verdict is long, and its state must not make the
            // future of every request larger.
            let credential = presented.credential;
            let verified = self.verify_and_cache(credential, route, cache, now, started);
            let verified = Box::pin(verified).await?;
            // That took longer than all else of a request. Those that wait for it come next, and
            // the upstream is woken for all of them at once: 6 µs less for each (ES256).
            yield_now().await;
            verified
        };
        self.check_request(&verified, presented, &mut ())?;
        Ok(verified)
    }

    /// The verdict on a token that is not in the cache.
    async fn verify_and_cache(
        &self,
        credential: Credential<'_>,
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
        started: Instant,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        credential.check_form().map_err(Rejection::of_unknown_issuer)?;
        let token = credential.as_bytes();
        match self.verify_uncached(token, route, now, &mut ()).await {
            Ok((verified, generation)) => {
                self.durations.observe_miss(verified.algorithm(), started);
                let verified = Rc::new(verified);
                let clear = revoked::check(&self.revocations, &verified.claims, now);
                let known = (generation, *clear.as_ref().unwrap_or(&NEVER_CLEAR));
                cache.borrow_mut().insert(token, Rc::clone(&verified), known, now);
                let issuer = Some(verified.issuer());
                clear.map(|_| verified).map_err(|cause| Rejection { cause, issuer })
            }
            Err(VerifyFailure { rejection, rejected }) => {
                if let Some(rejected) = rejected {
                    cache.borrow_mut().insert_rejected(token, rejected);
                }
                Err(rejection)
            }
        }
    }

    /// Whether a verified token may come as it is presented: the part of the verdict that is never
    /// cached. Calls `observer` only for issuers that bind tokens to requests.
    ///
    /// # Errors
    /// [`Reason::OriginMismatch`], [`Reason::BindingUnproven`], and [`Reason::ClaimMalformed`] for
    /// a binding that can't be read.
    pub fn check_request(
        &self,
        token: &VerifiedToken,
        presented: Presented<'_>,
        observer: &mut impl Observer,
    ) -> Result<(), Rejection> {
        let binding = self.bindings.get(token.issuer());
        let verdict = binding.check(&token.claims, presented, observer);
        verdict.map_err(|cause| Rejection { cause, issuer: Some(token.issuer()) })
    }

    /// The exact `iss` of the token's issuer, the tenant included.
    pub fn iss_of<'t>(&'t self, token: &'t VerifiedToken) -> &'t str {
        self.issuers.get(token.issuer()).iss_of(&token.claims)
    }

    /// Verifies without any cache of tokens and reports every check to `observer`, for `explain`.
    /// Changes no later verdict: what the issuer says of the token is not cached.
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`].
    pub async fn explain(
        &self,
        token: &[u8],
        route: RouteIssuers,
        observer: &mut impl Observer,
    ) -> Result<VerifiedToken, Rejection> {
        let now = self.clock.now();
        let verified = self.verify_uncached(token, route, now, &mut Aside(observer)).await;
        let (verified, _) = verified.map_err(|failure| failure.rejection)?;
        revoked::check(&self.revocations, &verified.claims, now)
            .map_err(|cause| Rejection { cause, issuer: Some(verified.issuer()) })?;
        observer.passed("revocation", || self.revocations.summary());
        Ok(verified)
    }

    /// The longest token that is looked at, in bytes.
    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The checks that [`Self::explain`] reports for this token, in their order.
    pub fn checks(&self, token: &[u8], route: RouteIssuers) -> &'static [&'static str] {
        match self.path(token, route, &mut ()) {
            Ok(VerificationPath::Introspect(..)) => statement::CHECKS,
            Ok(VerificationPath::Verify(_, _, issuer)) if issuer.rules.is_filled() => {
                CHECKS_OF_FILLED
            }
            Ok(VerificationPath::Verify(_, _, issuer))
                if issuer.after_signature != AfterSignature::Nothing =>
            {
                CHECKS_AND_INTROSPECTION
            }
            _ => CHECKS,
        }
    }

    /// Chooses among the configured issuers by the exact `iss` (threats C-5, C-6). A token without
    /// one is of `unnamed`, where there is such an issuer.
    pub(super) fn issuer_of(
        &self,
        candidate: &JwtCandidate<'_>,
        unnamed: Option<IssuerId>,
    ) -> Result<(IssuerId, &Issuer), Cause> {
        let Some(iss) = candidate.issuer()? else {
            let id = unnamed.ok_or_else(|| missing("iss"))?;
            return Ok((id, self.issuers.get(id)));
        };
        let id = self.by_name.get(iss).copied().or_else(|| self.with_tenant(iss));
        let id = id.ok_or_else(|| self.unknown_issuer(iss))?;
        let issuer = self.issuers.get(id);
        issuer.check_tenant(iss, candidate)?;
        Ok((id, issuer))
    }

    /// The issuer whose tenant has that name. No two have a name in common.
    fn with_tenant(&self, iss: &str) -> Option<IssuerId> {
        self.issuers.iter_with_ids().find(|(_, issuer)| issuer.has_tenant(iss)).map(|(id, _)| id)
    }

    /// The refusal of a token whose issuer is not configured, or is known by introspection only.
    #[cold]
    pub(super) fn unknown_issuer(&self, iss: &str) -> Cause {
        let configured = self.issuers.iter().map(|issuer| issuer.iss.as_str());
        let subject = Subject::claim("iss", Fault::Unknown).found(Excerpt::quoted(iss));
        Reason::IssuerUnknown.about(subject.expected(Excerpt::list(configured)))
    }
}

impl Rejection {
    /// Where it is not known whose token it is.
    fn of_unknown_issuer(cause: impl Into<Cause>) -> Self {
        Self { cause: cause.into(), issuer: None }
    }
}
