//! Tokens of which nothing is wrong but that they have expired.

use std::{cell::RefCell, rc::Rc};

use crate::{
    clock::UnixTime,
    token::{Presented, cache::TokenCache, path::AfterSignature, revoked},
};

use super::{
    Rejection, RouteIssuers, TokenVerifier, VerifiedToken,
    uncached::{VerificationPath, VerifiedAt},
};

/// The generation of revocations under which nothing was found clear.
const NEVER_CLEAR: u64 = 0;

impl TokenVerifier {
    /// The token of a request, which was rejected as `expired`, if that is all that is wrong with
    /// it: its signature is valid, it was not revoked, and it may come as it is presented. An
    /// issuer that is asked about its tokens calls an expired one inactive, which says nothing of
    /// why.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails, other than that of its expiry.
    pub async fn verify_expired(
        &self,
        presented: Presented<'_>,
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
        expired: Rejection,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let now = self.clock.now();
        let token = match self.lookup_expired(presented, route, cache, now) {
            Some(token) => token,
            None => self.verify_as_of_expiry(presented, route, cache, now, expired).await?,
        };
        let revoked = revoked::check(&self.revocations, &token.claims, now);
        revoked.map_err(|cause| Rejection { cause, issuer: Some(token.issuer()) })?;
        self.check_request(&token, presented, &mut ())?;
        Ok(token)
    }

    /// The token, if its signature was verified before and its key still counts.
    fn lookup_expired(
        &self,
        presented: Presented<'_>,
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Option<Rc<VerifiedToken>> {
        let cache = cache.borrow();
        let entry = cache.find(presented.credential.as_bytes(), now)?;
        let is_signed = entry.token.signature.is_some();
        (is_signed && self.is_alive(entry, route, now)).then(|| Rc::clone(&entry.token))
    }

    /// Verifies the token as of its last valid moment. It is cached as what it is: every look-up
    /// finds it expired.
    async fn verify_as_of_expiry(
        &self,
        presented: Presented<'_>,
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
        expired: Rejection,
    ) -> Result<Rc<VerifiedToken>, Rejection> {
        let token = presented.credential.as_bytes();
        let path = self.path(token, route, &mut ()).map_err(Rejection::of_unknown_issuer)?;
        let VerificationPath::Verify(candidate, id, issuer) = path else {
            return Err(expired);
        };
        if issuer.rules.is_filled() {
            return Err(expired);
        }
        let last = candidate.last_moment(&issuer.rules);
        let last = last.map_err(|cause| Rejection { cause, issuer: Some(id) })?;
        let valid_at = last.ok_or(expired)?;
        let at = VerifiedAt { now, valid_at, asks_issuer: false };
        let verified = self.verify_signed(token, candidate, (id, issuer), at, &mut ()).await;
        let (verified, generation) = verified.map_err(|failure| {
            if let Some(rejected) = failure.rejected {
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
