//! The question of this room: whose token is it, and is it good?

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Instant};

use crate::{
    clock::{Clock, UnixTime},
    config::IssuerSettings,
    identity::{ClaimHeaders, RenderedHeaders},
    jose::{Algorithm, Object, Thumbprint},
    keys::{KeyLookup, KeySet, KeyStore},
    reason::Reason,
    telemetry::Metrics,
};

use super::{
    cache::{CachedToken, RejectedToken, TokenCache},
    credential::Credential,
    durations::Durations,
    issuer::Issuer,
    jwt::{JwtCandidate, Observer, Validity},
};

/// A token that has passed every check. Nothing else makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    issuer: usize,
    algorithm: Algorithm,
    kid: Option<String>,
    key: Thumbprint,
    validity: Validity,
    claims: Object,
    headers: RenderedHeaders,
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
    claim_headers: ClaimHeaders,
    clock: Arc<dyn Clock>,
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

    /// Whether a set would still choose the key that verified this token: the key may be gone,
    /// or be there and no longer made for the algorithm.
    fn would_verify_under(&self, keys: &KeySet) -> bool {
        let chosen = keys.lookup(self.kid.as_deref(), self.algorithm);
        matches!(chosen, KeyLookup::Found(key) if key.thumbprint() == self.key)
    }

    /// Bytes that the token takes in a cache, besides its text.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.claims.memory() + self.headers.memory()
    }
}

impl TokenVerifier {
    /// A verifier for these issuers, whose keys are in `store` in the same order.
    pub fn new(
        issuers: &[IssuerSettings],
        store: &KeyStore,
        claim_headers: ClaimHeaders,
        max_bytes: usize,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let algorithms = issuers.iter().flat_map(|issuer| issuer.algorithms.iter()).collect();
        let by_name = issuers.iter().enumerate().map(|(i, s)| (s.issuer.clone(), i)).collect();
        let issuers = issuers
            .iter()
            .zip(store.iter())
            .map(|(settings, keys)| Issuer::new(settings, Arc::clone(keys)))
            .collect();
        let durations = Durations::new(metrics, algorithms);
        Self { issuers, by_name, claim_headers, clock, max_bytes, durations }
    }

    /// The verdict on a credential: from the cache if it is there, else by verifying.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails; [`Reason::KeysUnavailable`] where nobody
    /// can tell.
    pub async fn verify(
        &self,
        credential: Credential<'_>,
        cache: &RefCell<TokenCache>,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let token = credential.as_bytes();
        let started = Instant::now();
        let now = self.clock.now();
        if let Some(verdict) = self.recall(token, cache, now) {
            if let Ok(token) = &verdict {
                self.durations.observe_hit(token.algorithm, started);
            }
            return verdict;
        }
        credential.check_form().map_err(|reason| Rejection { reason, issuer: None })?;
        // Boxed: the way without cached verdict is long, and its state must not make the future
        // of every request larger.
        let verified = Box::pin(self.verify_anew(token, now, &mut ())).await;
        match verified {
            Ok((verified, generation)) => {
                self.durations.observe_miss(verified.algorithm, started);
                let verified = Rc::new(verified);
                cache.borrow_mut().insert(token, Rc::clone(&verified), generation, now);
                Ok(verified)
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

    /// Verifies without any cache and tells `observer` every check, for `explain`.
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`].
    pub async fn explain(
        &self,
        token: &[u8],
        observer: &mut impl Observer,
    ) -> Result<VerifiedToken, Rejection> {
        let verified = self.verify_anew(token, self.clock.now(), observer).await;
        verified.map(|(token, _)| token).map_err(|failure| failure.rejection)
    }

    /// What the cache knows; `None` if the token has to be verified.
    fn recall(
        &self,
        token: &[u8],
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Option<Result<Rc<VerifiedToken>, Rejection>> {
        let known: Option<Rc<VerifiedToken>> = {
            let cache = cache.borrow();
            match cache.find(token, now) {
                Some(entry) => self.is_alive(entry, now).then(|| Rc::clone(&entry.token)),
                None => return self.recall_rejection(token, &cache, now).map(Err),
            }
        };
        let Some(verified) = known else {
            // Its key is gone, or the whole key set: verify again under what is there now.
            cache.borrow_mut().remove(token);
            return None;
        };
        let issuer = Some(verified.issuer);
        Some(match verified.validity.check(now) {
            Ok(()) => Ok(verified),
            Err(reason) => Err(Rejection { reason, issuer }),
        })
    }

    /// Whether the key that verified a token is in the issuer's set at this moment.
    fn is_alive(&self, entry: &CachedToken, now: UnixTime) -> bool {
        let Some(issuer) = self.issuers.get(entry.token.issuer) else {
            return false;
        };
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
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), Failure> {
        if token.len() > self.max_bytes {
            return Err(Reason::TokenTooLarge.into());
        }
        observer.passed("size", || format!("{} of at most {} bytes", token.len(), self.max_bytes));
        let candidate = JwtCandidate::read(token, observer)?;
        let (index, issuer) = self.issuer_of(&candidate)?;
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
        let headers = self
            .claim_headers
            .render(&claims)
            .map_err(|_| Failure::of(index, Reason::ClaimUnrenderable))?;
        observer.passed("headers", || "every mapped claim fits into its header".to_owned());
        let key = key.thumbprint();
        let verified =
            VerifiedToken { issuer: index, algorithm, kid, key, validity, claims, headers };
        Ok((verified, generation))
    }

    /// Chooses among the configured issuers by the exact `iss` (threats C-5, C-6).
    fn issuer_of(&self, candidate: &JwtCandidate<'_>) -> Result<(usize, &Issuer), Reason> {
        let index = *self.by_name.get(candidate.issuer()?).ok_or(Reason::IssuerUnknown)?;
        let issuer = self.issuers.get(index).ok_or(Reason::IssuerUnknown)?;
        Ok((index, issuer))
    }
}

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
