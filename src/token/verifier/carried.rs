//! Which cached tokens count under the next configuration: those that it would verify in the same
//! way, with the same result. Where that is not certain, the token is verified again.

use std::{rc::Rc, sync::Arc};

use crate::{
    policy::ids::{IssuerId, PerIssuer},
    token::{cache::TokenCache, issuer::settings::IssuerSettings},
};

use super::{TokenVerifier, VerifiedToken, verified::IssuerStatement};

impl TokenVerifier {
    /// Takes over what a worker has cached under the rules of `earlier`. That a token's key is
    /// still its issuer's, that it was not revoked and is within its times is checked on every hit
    /// in any case.
    pub fn take_over(&self, earlier: &Self, cache: &mut TokenCache) {
        let places = self.unchanged_issuers(earlier);
        let has_same_issuers = self.settings.iter().eq(&earlier.settings);
        let is_alone = |verifier: &Self| verifier.settings.iter().all(|it| it.tenant.is_none());
        let is_by_name = is_alone(self) && is_alone(earlier);
        cache.carry_over(|token| {
            // Which issuer an opaque token belongs to depends on all of them, as does the owner of
            // a name that has a placeholder.
            let is_certain = has_same_issuers || is_by_name && token.signature.is_some();
            let place = places.get(token.issuer()).filter(|_| is_certain);
            place.is_some_and(|issuer| self.carries(token, issuer))
        });
    }

    /// Where the issuers of `earlier` are here, if nothing of their rules or of the claim headers
    /// has changed.
    fn unchanged_issuers(&self, earlier: &Self) -> PerIssuer<Option<IssuerId>> {
        let is_same = self.max_bytes == earlier.max_bytes
            && self.claim_headers.is_like(&earlier.claim_headers);
        let here = |settings: &IssuerSettings| {
            let id = self.settings.find(|own| own.name == settings.name)?;
            (is_same && self.settings.get(id) == settings).then_some(id)
        };
        earlier.settings.map(here)
    }

    fn carries(&self, token: &Rc<VerifiedToken>, issuer: IssuerId) -> bool {
        if let IssuerStatement::Watched(introspector, _) = &token.standing {
            let here = self.issuers.get(issuer).introspection.as_ref();
            if !here.is_some_and(|here| Arc::ptr_eq(&here.introspector, introspector)) {
                return false;
            }
        }
        if token.issuer() == issuer {
            return true;
        }
        // A request of before would look for its issuer in the wrong place.
        let is_in_use = Rc::strong_count(token) > 1;
        if !is_in_use {
            token.issuer.set(issuer);
        }
        !is_in_use
    }
}
