//! Tokens of which nothing is wrong but that they have expired.

use std::{cell::RefCell, rc::Rc};

use crate::{
    clock::UnixTime,
    reason::Reason,
    token::{
        Presented,
        cache::{RejectedToken, TokenCache},
        jwt::JwtCandidate,
        path::{AfterSignature, claims_to_be_jwt},
        revoked,
    },
};

use super::{Rejection, TokenVerifier, VerifiedToken, uncached::VerifiedAt};

/// The generation of revocations under which nothing was found clear.
const NEVER_CLEAR: u64 = 0;

impl TokenVerifier {
    /// The token of a request, which was rejected as expired, if that is all that is wrong with it:
    /// its signature is valid, it was not revoked, and it may come as it is presented. An issuer
    /// that is asked about its tokens calls an expired one inactive, which says nothing of why.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails, other than that of its expiry.
    pub async fn verify_expired(
        &self,
        presented: Presented<'_>,
        cache: &RefCell<TokenCache>,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let now = self.clock.now();
        let token = match self.lookup_expired(presented, cache, now) {
            Some(token) => token,
            None => self.verify_as_of_expiry(presented, cache, now).await?,
        };
        let deny = |reason| Rejection { reason, issuer: Some(token.issuer) };
        revoked::check(&self.revocations, &token.claims, now).map_err(deny)?;
        self.check_request(&token, presented, &mut ())?;
        Ok(token)
    }

    /// The token, if its signature was verified before and its key still counts.
    fn lookup_expired(
        &self,
        presented: Presented<'_>,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Option<Rc<VerifiedToken>> {
        let cache = cache.borrow();
        let entry = cache.find(presented.credential.as_bytes(), now)?;
        self.is_alive(entry, None, now).then(|| Rc::clone(&entry.token))
    }

    /// Verifies the token as of its last valid moment. It is cached as what it is: every look-up
    /// finds it expired.
    async fn verify_as_of_expiry(
        &self,
        presented: Presented<'_>,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let expired = Rejection { reason: Reason::TokenExpired, issuer: None };
        let token = presented.credential.as_bytes();
        if !claims_to_be_jwt(token) {
            return Err(expired);
        }
        let deny = |reason| Rejection { reason, issuer: None };
        let candidate = JwtCandidate::read(token, &mut ()).map_err(deny)?;
        let (id, issuer) = self.issuer_of(&candidate).map_err(deny)?;
        let deny = |reason| Rejection { reason, issuer: Some(id) };
        if issuer.is_introspection_only() {
            return Err(expired);
        }
        let valid_at = candidate.last_moment(&issuer.rules).map_err(deny)?.ok_or(expired)?;
        let at = VerifiedAt { now, valid_at };
        let verified = self.verify_signed(candidate, (id, issuer), at, &mut ()).await;
        let (verified, generation) = verified.map_err(|failure| {
            if let Some(generation) = failure.wrong_under {
                let rejected = RejectedToken { issuer: id, generation };
                cache.borrow_mut().insert_rejected(token, rejected);
            }
            failure.rejection
        })?;
        let verified = Rc::new(verified);
        // A clock that is set back would find it valid, and its issuer was not asked about it.
        if issuer.after_signature == AfterSignature::Nothing {
            let known = (generation, NEVER_CLEAR);
            cache.borrow_mut().insert(token, Rc::clone(&verified), known, now);
        }
        Ok(verified)
    }
}
