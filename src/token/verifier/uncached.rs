//! Verifies a token that is not in the cache: by its signature, by introspection, or by both.

use std::{
    cell::{Cell, OnceCell},
    sync::Arc,
};

use crate::{
    clock::UnixTime,
    identity::RenderedHeaders,
    introspection::{ActiveToken, Statement},
    jose::{Algorithm, VerificationKey},
    json::Object,
    policy::ids::IssuerId,
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
    token::{
        cache::RejectedToken,
        issuer::{Issuer, IssuerIntrospection},
        jwt::{JwtCandidate, Observer},
        path::{AfterSignature, claims_to_be_jwt},
    },
};

use super::{
    Rejection, RouteIssuers, TokenVerifier, VerifiedToken,
    verified::{IssuerStatement, TokenSignature},
};

/// How a token is verified.
pub(super) enum VerificationPath<'t, 's> {
    /// By its signature, under the keys of the issuer that it names.
    Verify(JwtCandidate<'t>, IssuerId, &'s Issuer),
    /// By introspection at the route's issuer.
    Introspect(IssuerId, &'s Issuer, &'s IssuerIntrospection),
}

/// When a token is verified, and the moment at which it has to be valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct VerifiedAt {
    pub(super) now: UnixTime,
    pub(super) valid_at: UnixTime,
    /// Whether its issuer is asked about it as well, where that is configured.
    pub(super) asks_issuer: bool,
}

/// The generation of no key set.
const NO_KEYS: u64 = 0;

impl TokenVerifier {
    pub(super) async fn verify_uncached(
        &self,
        token: &[u8],
        route: RouteIssuers,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), VerifyFailure> {
        if token.len() > self.max_bytes {
            return Err(self.too_large(token.len()).into());
        }
        observer.passed("size", || format!("{} of at most {} bytes", token.len(), self.max_bytes));
        match self.path(token, route, observer)? {
            VerificationPath::Verify(candidate, id, issuer) => {
                self.verify_locally(token, candidate, (id, issuer), now, observer).await
            }
            VerificationPath::Introspect(id, issuer, introspection) => {
                let blame = |cause| VerifyFailure::of(id, cause);
                let verified =
                    self.introspect(token, (id, issuer), introspection, now, observer).await;
                verified.map(|verified| (verified, NO_KEYS)).map_err(blame)
            }
        }
    }

    /// How a token is verified. One in the form of a JWT is verified as one, unless its issuer only
    /// introspects.
    pub(super) fn path<'t, 's>(
        &'s self,
        token: &'t [u8],
        route: RouteIssuers,
        observer: &mut impl Observer,
    ) -> Result<VerificationPath<'t, 's>, Cause> {
        let introspected = route.introspection.and_then(|id| {
            let issuer = self.issuers.get(id);
            issuer.introspection.as_ref().map(|introspection| (id, issuer, introspection))
        });
        match introspected {
            Some((id, issuer, introspection))
                if !claims_to_be_jwt(token)
                    || (issuer.is_introspection_only()
                        && !self.is_verified_locally(token, route)) =>
            {
                Ok(VerificationPath::Introspect(id, issuer, introspection))
            }
            _ => {
                let mut candidate = JwtCandidate::read(token, observer)?;
                let (id, issuer) = self.issuer_of(&candidate, route.unnamed)?;
                if issuer.is_introspection_only() {
                    // And not from here. Its signature proves nothing, wherever the token is shown.
                    return Err(self.unknown_issuer(&issuer.iss));
                }
                candidate.settle(&issuer.iss, issuer.waivers);
                Ok(VerificationPath::Verify(candidate, id, issuer))
            }
        }
    }

    /// Whether a JWT names an issuer whose tokens are verified here.
    fn is_verified_locally(&self, token: &[u8], route: RouteIssuers) -> bool {
        let candidate = JwtCandidate::read(token, &mut ());
        candidate.is_ok_and(|candidate| {
            let issuer = self.issuer_of(&candidate, route.unnamed);
            issuer.is_ok_and(|(_, issuer)| !issuer.is_introspection_only())
        })
    }

    async fn verify_locally(
        &self,
        token: &[u8],
        candidate: JwtCandidate<'_>,
        (id, issuer): (IssuerId, &Issuer),
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), VerifyFailure> {
        observer.passed("issuer", || format!("the configured issuer {:?}", issuer.keys.name()));
        let at = VerifiedAt { now, valid_at: now, asks_issuer: true };
        self.verify_signed(token, candidate, (id, issuer), at, observer).await
    }

    /// The token by its own signature and, if that is wanted, by what its issuer says.
    pub(super) async fn verify_signed(
        &self,
        token: &[u8],
        candidate: JwtCandidate<'_>,
        (id, issuer): (IssuerId, &Issuer),
        VerifiedAt { now, valid_at, asks_issuer }: VerifiedAt,
        observer: &mut impl Observer,
    ) -> Result<(VerifiedToken, u64), VerifyFailure> {
        let blame = |cause| VerifyFailure::of(id, cause);
        let validity = candidate.check(&issuer.rules, valid_at, observer).map_err(blame)?;
        let key = issuer.key_for(&candidate, now).await;
        let key = key.map_err(|reason| blame(issuer.key_cause(reason, &candidate, now)));
        let (key, generation) = key?;
        observer.passed("key", || match key.kid() {
            Some(kid) => format!("{}, kid {kid:?}", key.kind()),
            None => format!("{}, no kid", key.kind()),
        });
        let algorithm = candidate.jws().algorithm();
        let kid = candidate.jws().header().kid();
        let signature = TokenSignature::new(algorithm, kid, Arc::clone(&key));
        let signature = Some(signature.chosen_by_kid(issuer.chooses_by_kid()));
        let is_unnamed = candidate.is_unnamed();
        let mut claims = candidate.verify(&key).map_err(|reason| VerifyFailure {
            rejection: Rejection { cause: wrong_under(&key, algorithm, reason), issuer: Some(id) },
            rejected: Some(RejectedToken { issuer: id, generation, is_unnamed }),
        })?;
        observer.passed("signature", || format!("{algorithm} signature is right"));
        let filled = if asks_issuer {
            Self::fill_claims(issuer, &mut claims, token, now, observer).await
        } else {
            Ok(None)
        };
        let filled = filled.map_err(blame)?;
        let headers = self.render(issuer, &claims, observer).map_err(blame)?;
        let standing = match filled {
            Some(standing) => standing,
            None if !asks_issuer => IssuerStatement::Unasked,
            // The network last.
            None => Self::confirm_with_issuer(issuer, token, now, observer).await.map_err(blame)?,
        };
        let verified = VerifiedToken {
            issuer: Cell::new(id),
            signature,
            standing,
            validity,
            claims,
            headers,
            is_unnamed,
            digest: OnceCell::new(),
        };
        Ok((verified, generation))
    }

    /// Fills the claims with what the issuer says of the token, and checks the whole, if that is
    /// how its tokens are taken.
    async fn fill_claims(
        issuer: &Issuer,
        claims: &mut Object,
        token: &[u8],
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<Option<IssuerStatement>, Cause> {
        let Some(introspection) =
            issuer.introspection.as_ref().filter(|_| issuer.rules.is_filled())
        else {
            return Ok(None);
        };
        let active =
            Self::statement(issuer, introspection, token, now, observer.is_aside()).await?;
        introspection.rules.check_life(active.claims(), now)?;
        introspection.rules.fill(claims, active.claims())?;
        observer.passed("introspection", || "the issuer says that it is active".to_owned());
        issuer.rules.check_filled(claims, observer)?;
        Ok(Some(IssuerStatement::Until(active.fresh_until())))
    }

    /// The issuer's statement about a token with a valid signature, if it is introspected as well.
    async fn confirm_with_issuer(
        issuer: &Issuer,
        token: &[u8],
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<IssuerStatement, Cause> {
        let Some(introspection) = issuer
            .introspection
            .as_ref()
            .filter(|_| issuer.after_signature != AfterSignature::Nothing)
        else {
            return Ok(IssuerStatement::Unasked);
        };
        if issuer.after_signature == AfterSignature::Watch {
            let token = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
            if observer.is_aside() {
                let is_inactive = introspection.introspector.has_called_inactive(token);
                observer.passed("introspection", || "asked for beside the request".to_owned());
                return if is_inactive { Err(inactive()) } else { Ok(IssuerStatement::Unasked) };
            }
            let recheck = introspection.introspector.watch(token, now);
            observer.passed("introspection", || "asked for beside the request".to_owned());
            return if recheck.is_inactive() {
                Err(inactive())
            } else {
                Ok(IssuerStatement::Watched(Arc::clone(&introspection.introspector), recheck))
            };
        }
        let active =
            Self::statement(issuer, introspection, token, now, observer.is_aside()).await?;
        introspection.rules.check_life(active.claims(), now)?;
        observer.passed("introspection", || "the issuer says that it is active".to_owned());
        Ok(IssuerStatement::Until(active.fresh_until()))
    }

    /// A token that only introspection can verify.
    async fn introspect(
        &self,
        token: &[u8],
        (id, issuer): (IssuerId, &Issuer),
        introspection: &IssuerIntrospection,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Result<VerifiedToken, Cause> {
        let active =
            Self::statement(issuer, introspection, token, now, observer.is_aside()).await?;
        observer.passed("introspection", || "the issuer says that it is active".to_owned());
        let (claims, validity) = introspection.rules.claims(active.claims(), now, observer)?;
        let headers = self.render(issuer, &claims, observer)?;
        let standing = IssuerStatement::Until(active.fresh_until());
        Ok(VerifiedToken {
            issuer: Cell::new(id),
            signature: None,
            standing,
            validity,
            claims,
            headers,
            is_unnamed: false,
            digest: OnceCell::new(),
        })
    }

    async fn statement(
        issuer: &Issuer,
        introspection: &IssuerIntrospection,
        token: &[u8],
        now: UnixTime,
        is_aside: bool,
    ) -> Result<Arc<ActiveToken>, Cause> {
        let token = std::str::from_utf8(token).map_err(|_| Reason::TokenMalformed)?;
        let introspector = &introspection.introspector;
        let answer = if is_aside {
            introspector.introspect_aside(token, now).await
        } else {
            introspector.introspect(token, now).await
        };
        match answer {
            Some(Statement::Active(active)) => Ok(active),
            Some(Statement::Inactive) => Err(inactive()),
            None => Err(unanswered(issuer)),
        }
    }

    fn render(
        &self,
        issuer: &Issuer,
        claims: &Object,
        observer: &mut impl Observer,
    ) -> Result<RenderedHeaders, Cause> {
        let headers = self.claim_headers.render(issuer.iss_of(claims), claims);
        let headers = headers.map_err(|error| Reason::ClaimUnrenderable.about(error.subject()))?;
        observer.passed("headers", || "every mapped claim fits into its header".to_owned());
        Ok(headers)
    }
}

/// A rejection, and whether it is worth caching.
pub(super) struct VerifyFailure {
    pub(super) rejection: Rejection,
    /// What is cached of a token whose signature was wrong.
    pub(super) rejected: Option<RejectedToken>,
}

impl VerifyFailure {
    fn of(issuer: IssuerId, cause: Cause) -> Self {
        Self { rejection: Rejection { cause, issuer: Some(issuer) }, rejected: None }
    }
}

impl From<Cause> for VerifyFailure {
    fn from(cause: Cause) -> Self {
        Self { rejection: Rejection { cause, issuer: None }, rejected: None }
    }
}

impl TokenVerifier {
    #[cold]
    fn too_large(&self, bytes: usize) -> Cause {
        let subject = Subject::new(Part::Token, Fault::TooLong)
            .found(Excerpt::own(format_args!("{bytes} bytes")))
            .expected(Excerpt::own(format_args!("at most {} bytes", self.max_bytes)));
        Reason::TokenTooLarge.about(subject.setting("credential.max_bytes"))
    }
}

/// The refusal of a token that its issuer calls inactive. Other members of such a response mean
/// nothing (RFC 7662 §2.2).
#[cold]
pub(super) fn inactive() -> Cause {
    let found = Excerpt::own(format_args!("'active': false"));
    Reason::TokenInactive.about(Subject::new(Part::Response, Fault::NotAllowed).found(found))
}

#[cold]
fn unanswered(issuer: &Issuer) -> Cause {
    let subject = Subject::new(Part::Introspection, Fault::Unavailable).named(issuer.keys.name());
    Reason::IntrospectionUnavailable.about(subject)
}

#[cold]
fn wrong_under(key: &VerificationKey, algorithm: Algorithm, reason: Reason) -> Cause {
    let key = match key.kid() {
        Some(kid) => Excerpt::quoted(kid),
        None => Excerpt::own(format_args!("the key without kid")),
    };
    let subject = Subject::new(Part::Signature, Fault::Wrong)
        .found(Excerpt::own(format_args!("{algorithm} under {key}")));
    reason.about(subject)
}
