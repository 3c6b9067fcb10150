//! The question of this room: whose token is it, and is it good?

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Instant};

use http::HeaderMap;

use crate::{
    clock::{Clock, UnixTime},
    config::IssuerSettings,
    identity::{ClaimHeaders, RenderedHeaders},
    introspection::{ActiveToken, Recheck, Statement},
    jose::{Algorithm, Object, Thumbprint},
    keys::{KeyLookup, KeySet},
    providers::Providers,
    reason::Reason,
    revocation::Revocations,
    telemetry::Metrics,
};

use super::{
    cache::{CachedToken, RejectedToken, TokenCache},
    credential::Credential,
    durations::Durations,
    issuer::{Asked, Issuer},
    jwt::{JwtCandidate, Observer, Validity},
    logout,
    path::{Beyond, claims_to_be_jwt},
    revoked, statement,
};

/// A token that has passed every check. Nothing else makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    issuer: usize,
    /// `None`: the issuer was asked, and its word is all there is.
    signature: Option<Signature>,
    standing: Standing,
    validity: Validity,
    claims: Object,
    headers: RenderedHeaders,
}

/// The signature that vouches for a token.
#[derive(Debug)]
struct Signature {
    algorithm: Algorithm,
    kid: Option<String>,
    key: Thumbprint,
}

/// What the issuer's word has to do with a token.
#[derive(Debug)]
enum Standing {
    /// Nothing: it was not asked.
    Unasked,
    /// It said *active*, and that counts until then.
    Until(UnixTime),
    /// It is asked now and then, beside the requests.
    Watched(Arc<Recheck>),
}

/// Why a token is refused, and whose it claims to be if that is a configured issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// The cause.
    pub reason: Reason,
    /// Index of the configured issuer that the token names.
    pub issuer: Option<usize>,
}

/// Verifies tokens of the configured issuers. Shared by all workers; what a worker remembers is
/// in its own [`TokenCache`].
#[derive(Debug)]
pub struct TokenVerifier {
    issuers: Vec<Issuer>,
    by_name: HashMap<String, usize>,
    pub(super) revocations: Arc<Revocations>,
    claim_headers: ClaimHeaders,
    pub(super) clock: Arc<dyn Clock>,
    max_bytes: usize,
    durations: Durations,
}

/// The checks that an [`Observer`] is told of, in this order. The one that refuses a token is the
/// first that is not passed.
pub const CHECKS: &[&str] = &[
    "size",
    "header",
    "claims",
    "issuer",
    "algorithm",
    "type",
    "members",
    "times",
    "required",
    "audience",
    "binding",
    "key",
    "signature",
    "headers",
    "revocation",
];

/// The same where the issuer is asked about a verified token as well.
const CHECKS_AND_ASKED: &[&str] = &[
    "size",
    "header",
    "claims",
    "issuer",
    "algorithm",
    "type",
    "members",
    "times",
    "required",
    "audience",
    "binding",
    "key",
    "signature",
    "headers",
    "introspection",
    "revocation",
];

impl VerifiedToken {
    /// Index of the issuer in the settings.
    pub fn issuer(&self) -> usize {
        self.issuer
    }

    /// The verified claims.
    pub fn claims(&self) -> &Object {
        &self.claims
    }

    /// The claim headers for the upstream.
    pub fn headers(&self) -> &RenderedHeaders {
        &self.headers
    }

    /// When what is derived from the token ends; see [`Validity::ends`].
    pub fn ends(&self, now: UnixTime) -> UnixTime {
        self.validity.ends(now)
    }

    /// Whether a set would still choose the key that verified this token: the key may be gone,
    /// or be there and no longer made for the algorithm.
    fn would_verify_under(&self, keys: &KeySet) -> bool {
        self.signature.as_ref().is_some_and(|signature| {
            let chosen = keys.lookup(signature.kid.as_deref(), signature.algorithm);
            matches!(chosen, KeyLookup::Found(key) if key.thumbprint() == signature.key)
        })
    }

    /// Whether the issuer's word, if it was asked for, still counts.
    fn stands(&self, now: UnixTime) -> bool {
        !matches!(self.standing, Standing::Until(until) if now >= until)
    }

    fn algorithm(&self) -> Option<Algorithm> {
        self.signature.as_ref().map(|signature| signature.algorithm)
    }

    /// Bytes that the token takes in a cache, besides its text.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.claims.memory() + self.headers.memory()
    }
}

impl TokenVerifier {
    /// A verifier for these issuers, whose keys `providers` has in the same order.
    pub fn new(
        issuers: &[IssuerSettings],
        providers: &Providers,
        claim_headers: ClaimHeaders,
        max_bytes: usize,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let algorithms = issuers.iter().flat_map(|issuer| issuer.algorithms.iter()).collect();
        let by_name = issuers.iter().enumerate().map(|(i, s)| (s.issuer.clone(), i)).collect();
        for issuer in issuers {
            logout::announce(issuer, metrics);
        }
        let issuers = issuers
            .iter()
            .zip(providers.keys.iter().zip(providers.introspection.iter()))
            .map(|(settings, (keys, asked))| Issuer::new(settings, Arc::clone(keys), asked.clone()))
            .collect();
        let durations = Durations::new(metrics, algorithms);
        let revocations = Arc::clone(&providers.revocations);
        Self { issuers, by_name, revocations, claim_headers, clock, max_bytes, durations }
    }

    /// The verdict on a credential: from the cache if it is there, else by verifying.
    /// `asked` is the issuer to ask about a token that does not say whose it is.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails; [`Reason::KeysUnavailable`],
    /// [`Reason::IntrospectionUnavailable`] and [`Reason::RevocationUnavailable`] where nobody can
    /// tell.
    pub async fn verify(
        &self,
        credential: Credential<'_>,
        asked: Option<usize>,
        cache: &RefCell<TokenCache>,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let token = credential.as_bytes();
        let started = Instant::now();
        let now = self.clock.now();
        if let Some(verdict) = self.recall(token, asked, cache, now) {
            if let Ok(token) = &verdict {
                self.durations.observe_hit(token.algorithm(), started);
            }
            return verdict;
        }
        credential.check_form().map_err(|reason| Rejection { reason, issuer: None })?;
        // Boxed: the way without cached verdict is long, and its state must not make the future
        // of every request larger.
        let verified = Box::pin(self.verify_anew(token, asked, now, &mut ())).await;
        match verified {
            Ok((verified, generation)) => {
                self.durations.observe_miss(verified.algorithm(), started);
                let verified = Rc::new(verified);
                let clear = revoked::check(&self.revocations, &verified.claims, now);
                let known = (generation, clear.unwrap_or_default());
                cache.borrow_mut().insert(token, Rc::clone(&verified), known, now);
                let issuer = Some(verified.issuer);
                clear.map(|_| verified).map_err(|reason| Rejection { reason, issuer })
            }
            Err(Failure { rejection, wrong_under }) => {
                if let (Some(generation), Some(issuer)) = (wrong_under, rejection.issuer) {
                    let rejected = RejectedToken { issuer, generation };
                    cache.borrow_mut().insert_rejected(token, rejected);
                }
                Err(rejection)
            }
        }
    }

    /// Whether a verified token may come in a request with these headers: the part of the verdict
    /// that is never remembered. Tells `observer` only of issuers that bind tokens to requests.
    ///
    /// # Errors
    /// [`Reason::OriginMismatch`], [`Reason::BindingUnproven`], and [`Reason::ClaimMalformed`] for
    /// a binding that can't be read.
    pub fn check_request(
        &self,
        token: &VerifiedToken,
        headers: &HeaderMap,
        observer: &mut impl Observer,
    ) -> Result<(), Rejection> {
        let issuer = self.issuers.get(token.issuer).ok_or(Reason::IssuerUnknown);
        let verdict =
            issuer.and_then(|issuer| issuer.binding.check(&token.claims, headers, observer));
        verdict.map_err(|reason| Rejection { reason, issuer: Some(token.issuer) })
    }

    /// Verifies without any cache and tells `observer` every check, for `explain`.
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`].
    pub async fn explain(
        &self,
        token: &[u8],
        asked: Option<usize>,
        observer: &mut impl Observer,
    ) -> Result<VerifiedToken, Rejection> {
        let now = self.clock.now();
        let verified = self.verify_anew(token, asked, now, observer).await;
        let (verified, _) = verified.map_err(|failure| failure.rejection)?;
        revoked::check(&self.revocations, &verified.claims, now)
            .map_err(|reason| Rejection { reason, issuer: Some(verified.issuer) })?;
        observer.passed("revocation", || self.revocations.summary());
        Ok(verified)
    }

    /// The checks that [`Self::explain`] tells of for this token, in their order.
    pub fn checks(&self, token: &[u8], asked: Option<usize>) -> &'static [&'static str] {
        match self.way(token, asked, &mut ()) {
            Ok(Way::Ask(..)) => statement::CHECKS,
            Ok(Way::Verify(_, _, issuer)) if issuer.beyond != Beyond::Nothing => CHECKS_AND_ASKED,
            _ => CHECKS,
        }
    }

    /// What the cache knows; `None` if the token has to be verified.
    fn recall(
        &self,
        token: &[u8],
        asked: Option<usize>,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Option<Result<Rc<VerifiedToken>, Rejection>> {
        let known = {
            let cache = cache.borrow();
            match cache.find(token, now) {
                Some(entry) if self.is_alive(entry, asked, now) => {
                    Some((Rc::clone(&entry.token), self.check_clear(entry, now)))
                }
                Some(_) => None,
                None => return self.recall_rejection(token, &cache, now).map(Err),
            }
        };
        let Some((verified, clear)) = known else {
            // Its key is gone, or the whole key set, or the issuer's word has grown old: verify
            // again under what is there now.
            cache.borrow_mut().remove(token);
            return None;
        };
        let issuer = Some(verified.issuer);
        let verdict = verified.validity.check(now).and(clear);
        Some(match verdict.and_then(|()| self.watch(&verified, token, now)) {
            Ok(()) => Ok(verified),
            Err(reason) => Err(Rejection { reason, issuer }),
        })
    }

    /// Whether a cached token was not revoked: known already, unless anything was revoked since.
    fn check_clear(&self, entry: &CachedToken, now: UnixTime) -> Result<(), Reason> {
        if revoked::current_generation(&self.revocations, now)? != entry.clear.get() {
            entry.clear.set(revoked::check(&self.revocations, &entry.token.claims, now)?);
        }
        Ok(())
    }

    /// Whether nothing was heard against a token that is asked about beside its requests.
    fn watch(&self, verified: &VerifiedToken, token: &[u8], now: UnixTime) -> Result<(), Reason> {
        let Standing::Watched(recheck) = &verified.standing else {
            return Ok(());
        };
        let asked = self.issuers.get(verified.issuer).and_then(|issuer| issuer.asked.as_ref());
        let may_pass = asked
            .zip(std::str::from_utf8(token).ok())
            .is_some_and(|(asked, token)| asked.introspector.may_pass(recheck, token, now));
        if may_pass { Ok(()) } else { Err(Reason::TokenInactive) }
    }

    /// Whether what vouched for a token does so at this moment: the key that verified it is in the
    /// issuer's set, the issuer's word counts.
    fn is_alive(&self, entry: &CachedToken, asked: Option<usize>, now: UnixTime) -> bool {
        if !entry.token.stands(now) {
            return false;
        }
        let Some(issuer) = self.issuers.get(entry.token.issuer) else {
            return false;
        };
        if entry.token.signature.is_none() {
            // The word of another issuer than the one that this route asks is none.
            return asked == Some(entry.token.issuer);
        }
        let Some(generation) = issuer.keys.generation_now(now) else {
            return false;
        };
        if generation == entry.generation.get() {
            return true;
        }
        let alive = issuer.keys.current(now).filter(|keys| entry.token.would_verify_under(keys));
        if let Some(keys) = &alive {
            entry.generation.set(keys.generation());
        }
        alive.is_some()
    }

    fn recall_rejection(
        &self,
        token: &[u8],
        cache: &TokenCache,
        now: UnixTime,
    ) -> Option<Rejection> {
        let rejected = cache.find_rejected(token)?;
        let issuer = self.issuers.get(rejected.issuer)?;
        // Under other keys the signature may be right.
        (issuer.keys.generation_now(now) == Some(rejected.generation)).then_some(Rejection {
            reason: Reason::SignatureInvalid,
            issuer: Some(rejected.issuer),
        })
    }

    async fn verify_anew(
        &self,
        token: &[u8],
        asked: Option<usize>,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), Failure> {
        if token.len() > self.max_bytes {
            return Err(Reason::TokenTooLarge.into());
        }
        observer.passed("size", || format!("{} of at most {} bytes", token.len(), self.max_bytes));
        match self.way(token, asked, observer)? {
            Way::Verify(candidate, index, issuer) => {
                self.verify_locally(token, candidate, (index, issuer), now, observer).await
            }
            Way::Ask(index, asked) => {
                let blame = |reason| Failure::of(index, reason);
                let verified = self.ask(token, index, asked, now, observer).await;
                verified.map(|verified| (verified, NO_KEYS)).map_err(blame)
            }
        }
    }

    /// How a token is verified. One that says that it is a JWT is judged as one, unless its issuer
    /// is only asked.
    fn way<'t, 's>(
        &'s self,
        token: &'t [u8],
        asked: Option<usize>,
        observer: &mut impl Observer,
    ) -> Result<Way<'t, 's>, Reason> {
        let ask = asked.and_then(|index| {
            let issuer = self.issuers.get(index)?;
            issuer.asked.as_ref().map(|asked| (index, asked, issuer.is_only_asked()))
        });
        match ask {
            Some((index, asked, _)) if !claims_to_be_jwt(token) => Ok(Way::Ask(index, asked)),
            Some((index, asked, true)) if !self.is_verified_locally(token) => {
                Ok(Way::Ask(index, asked))
            }
            _ => {
                let candidate = JwtCandidate::read(token, observer)?;
                let (index, issuer) = self.issuer_of(&candidate)?;
                Ok(Way::Verify(candidate, index, issuer))
            }
        }
    }

    /// Whether a JWT names an issuer whose tokens are verified here.
    fn is_verified_locally(&self, token: &[u8]) -> bool {
        let candidate = JwtCandidate::read(token, &mut ());
        candidate.is_ok_and(|candidate| {
            self.issuer_of(&candidate).is_ok_and(|(_, issuer)| !issuer.is_only_asked())
        })
    }

    async fn verify_locally(
        &self,
        token: &[u8],
        candidate: JwtCandidate<'_>,
        (index, issuer): (usize, &Issuer),
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), Failure> {
        observer.passed("issuer", || format!("the configured issuer {:?}", issuer.keys.name()));
        let blame = |reason| Failure::of(index, reason);
        let validity = candidate.check(&issuer.rules, now, observer).map_err(blame)?;
        let (key, generation) = issuer.key_for(&candidate, now).await.map_err(blame)?;
        observer.passed("key", || match key.kid() {
            Some(kid) => format!("{}, kid {kid:?}", key.kind()),
            None => format!("{}, no kid", key.kind()),
        });
        let algorithm = candidate.jws().algorithm();
        let kid = candidate.jws().kid().map(str::to_owned);
        let claims = candidate.verify(&key).map_err(|reason| Failure {
            rejection: Rejection { reason, issuer: Some(index) },
            wrong_under: Some(generation),
        })?;
        observer.passed("signature", || format!("{algorithm} signature is right"));
        let headers = self.render(&claims, observer).map_err(blame)?;
        // The network last.
        let standing = Self::beyond_signature(issuer, token, now, observer).await.map_err(blame)?;
        let signature = Some(Signature { algorithm, kid, key: key.thumbprint() });
        let verified =
            VerifiedToken { issuer: index, signature, standing, validity, claims, headers };
        Ok((verified, generation))
    }

    /// What the issuer says of a token that its signature vouches for, if that is asked for.
    async fn beyond_signature(
        issuer: &Issuer,
        token: &[u8],
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<Standing, Reason> {
        let Some(asked) = issuer.asked.as_ref().filter(|_| issuer.beyond != Beyond::Nothing) else {
            return Ok(Standing::Unasked);
        };
        if issuer.beyond == Beyond::Watch {
            let token = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
            let recheck = asked.introspector.watch(token, now);
            observer.passed("introspection", || "asked for beside the request".to_owned());
            return if recheck.is_inactive() {
                Err(Reason::TokenInactive)
            } else {
                Ok(Standing::Watched(recheck))
            };
        }
        let active = Self::statement(asked, token, now).await?;
        asked.rules.check_life(active.claims(), now)?;
        observer.passed("introspection", || "the issuer says that it is active".to_owned());
        Ok(Standing::Until(active.fresh_until()))
    }

    /// A token of which the issuer's word is all there is.
    async fn ask(
        &self,
        token: &[u8],
        index: usize,
        asked: &Asked,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<VerifiedToken, Reason> {
        let active = Self::statement(asked, token, now).await?;
        observer.passed("introspection", || "the issuer says that it is active".to_owned());
        let (claims, validity) = asked.rules.claims(active.claims(), now, observer)?;
        let headers = self.render(&claims, observer)?;
        let standing = Standing::Until(active.fresh_until());
        Ok(VerifiedToken { issuer: index, signature: None, standing, validity, claims, headers })
    }

    async fn statement(
        asked: &Asked,
        token: &[u8],
        now: UnixTime,
    ) -> Result<Arc<ActiveToken>, Reason> {
        let token = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
        match asked.introspector.ask(token, now).await {
            Some(Statement::Active(active)) => Ok(active),
            Some(Statement::Inactive) => Err(Reason::TokenInactive),
            None => Err(Reason::IntrospectionUnavailable),
        }
    }

    fn render(
        &self,
        claims: &Object,
        observer: &mut impl Observer,
    ) -> Result<RenderedHeaders, Reason> {
        let headers = self.claim_headers.render(claims).map_err(|_| Reason::ClaimUnrenderable)?;
        observer.passed("headers", || "every mapped claim fits into its header".to_owned());
        Ok(headers)
    }

    /// Chooses among the configured issuers by the exact `iss` (threats C-5, C-6).
    pub(super) fn issuer_of(
        &self,
        candidate: &JwtCandidate<'_>,
    ) -> Result<(usize, &Issuer), Reason> {
        let index = *self.by_name.get(candidate.issuer()?).ok_or(Reason::IssuerUnknown)?;
        let issuer = self.issuers.get(index).ok_or(Reason::IssuerUnknown)?;
        Ok((index, issuer))
    }
}

/// How a token is verified.
enum Way<'t, 's> {
    /// By its signature, under the keys of the issuer that it names.
    Verify(JwtCandidate<'t>, usize, &'s Issuer),
    /// By asking the issuer of the route.
    Ask(usize, &'s Asked),
}

/// The generation of no key set.
const NO_KEYS: u64 = 0;

/// A rejection, and whether it is worth remembering.
struct Failure {
    rejection: Rejection,
    /// The key set's generation under which the signature was wrong.
    wrong_under: Option<u64>,
}

impl Failure {
    fn of(issuer: usize, reason: Reason) -> Self {
        Self { rejection: Rejection { reason, issuer: Some(issuer) }, wrong_under: None }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { rejection: Rejection { reason, issuer: None }, wrong_under: None }
    }
}
