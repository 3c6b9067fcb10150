//! Looks a token up in the cache, and checks that what is cached still holds.

use std::{cell::RefCell, rc::Rc};

use crate::{
    clock::UnixTime,
    reason::{Cause, Reason},
    token::{
        cache::{CachedToken, TokenCache},
        revoked,
    },
};

use super::{
    Rejection, RouteIssuers, TokenVerifier, VerifiedToken, uncached::inactive,
    verified::IssuerStatement,
};

impl TokenVerifier {
    /// The cached verdict; `None` if the token has to be verified.
    pub(super) fn lookup_cached(
        &self,
        token: &[u8],
        route: RouteIssuers,
        cache: &RefCell<TokenCache>,
        now: UnixTime,
    ) -> Option<Result<Rc<VerifiedToken>, Rejection>> {
        let known = {
            let cache = cache.borrow();
            match cache.find(token, now) {
                Some(entry) if self.is_alive(entry, route, now) => {
                    Some((Rc::clone(&entry.token), self.check_clear(entry, now)))
                }
                Some(_) => None,
                None => return self.recall_rejection(token, route, &cache, now).map(Err),
            }
        };
        let Some((verified, clear)) = known else {
            // Its key is gone, or the whole key set, or the introspection response has expired:
            // verify again with the current ones.
            cache.borrow_mut().remove(token);
            return None;
        };
        let issuer = Some(verified.issuer());
        let validity = verified.validity;
        let verdict = validity.check(now).map_err(|reason| validity.cause(reason, now)).and(clear);
        Some(match verdict.and_then(|()| Self::watch(&verified, token, now)) {
            Ok(()) => Ok(verified),
            Err(cause) => Err(Rejection { cause, issuer }),
        })
    }

    /// Whether a cached token was not revoked: known already, unless anything was revoked since.
    fn check_clear(&self, entry: &CachedToken, now: UnixTime) -> Result<(), Cause> {
        if revoked::current_generation(&self.revocations, now)? != entry.clear.get() {
            entry.clear.set(revoked::check(&self.revocations, &entry.token.claims, now)?);
        }
        Ok(())
    }

    /// Whether no background introspection has called the token inactive.
    fn watch(verified: &VerifiedToken, token: &[u8], now: UnixTime) -> Result<(), Cause> {
        let IssuerStatement::Watched(introspector, recheck) = &verified.standing else {
            return Ok(());
        };
        let may_pass = std::str::from_utf8(token)
            .is_ok_and(|token| introspector.may_pass(recheck, token, now));
        if may_pass { Ok(()) } else { Err(inactive()) }
    }

    /// Whether the proof of a token still holds: the key that verified it is in the issuer's set,
    /// or the introspection response is fresh.
    pub(super) fn is_alive(&self, entry: &CachedToken, route: RouteIssuers, now: UnixTime) -> bool {
        if !entry.token.stands(now) || !entry.token.is_known_to(route) {
            return false;
        }
        let issuer = self.issuers.get(entry.token.issuer());
        if entry.token.signature.is_none() {
            // A response of another issuer than this route's does not count.
            return route.introspection == Some(entry.token.issuer());
        }
        if issuer.is_introspection_only() {
            return false;
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
        route: RouteIssuers,
        cache: &TokenCache,
        now: UnixTime,
    ) -> Option<Rejection> {
        let rejected = cache.find_rejected(token)?;
        if rejected.is_unnamed && route.unnamed != Some(rejected.issuer) {
            return None; // Here it is of another issuer, or of none.
        }
        let issuer = self.issuers.get(rejected.issuer);
        // Under other keys the signature may be right.
        (issuer.keys.generation_now(now) == Some(rejected.generation)).then_some(Rejection {
            cause: Reason::SignatureInvalid.into(),
            issuer: Some(rejected.issuer),
        })
    }
}
