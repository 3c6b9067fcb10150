//! In whose name a request passes.

use std::{cell::RefCell, rc::Rc};

use http::HeaderValue;

use super::{Denial, Gate, Route};
use crate::{
    policy::{
        Requirement,
        credential::{PlaceSet, key as of_credential},
    },
    reason::{Cause, Fault, Part, Reason, Subject},
    token::{Presented, Rejection, TokenCache, VerifiedToken},
};

/// In whose name a request passes, proven by a token.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) token: Rc<VerifiedToken>,
    /// Where the token was.
    pub(super) places: PlaceSet,
    /// Boxed: few configurations have one, and every admission is moved with its room.
    pub(super) assertion: Option<Box<HeaderValue>>,
}

impl Gate {
    /// In whose name a request with a token passes; `None` where its token counts as none.
    pub(super) async fn identify(
        &self,
        presented: Presented<'_>,
        places: PlaceSet,
        route: &Route,
        requirement: &Requirement,
        cache: &RefCell<TokenCache>,
    ) -> Result<Option<Caller>, Denial> {
        let verified = self.verifier.verify(presented, route.issuers(), cache).await;
        let token = match verified {
            Ok(token) => token,
            Err(expired) if requirement.ignores(expired.cause.reason()) => {
                // Boxed: few routes have it, and every request's future would carry it.
                let verdict =
                    self.verifier.verify_expired(presented, route.issuers(), cache, expired);
                let token = Box::pin(verdict).await.map_err(refused)?;
                self.check_place(route, requirement, &token, places)?;
                return Ok(None);
            }
            Err(rejection) => return Err(refused(rejection)),
        };
        self.check_place(route, requirement, &token, places)?;
        let assertion = self.assertion(&token).await?;
        Ok(Some(Caller { token, places, assertion }))
    }

    /// Whether a verified token opens this route from there. Checked on every request: the cache
    /// knows tokens by their bytes alone.
    pub(super) fn check_place(
        &self,
        route: &Route,
        requirement: &Requirement,
        token: &VerifiedToken,
        places: PlaceSet,
    ) -> Result<(), Denial> {
        let deny = |cause| Denial::new(cause).of_issuer(Some(token.issuer()));
        if !places.meets(*self.issuer_places.get(token.issuer())) {
            return Err(deny(other_place()));
        }
        self.check(route, requirement, token).map_err(deny)
    }
}

#[cold]
fn other_place() -> Cause {
    let subject = Subject::new(Part::Source, Fault::NotAllowed);
    Reason::CredentialSourceNotAllowed.about(subject.setting(of_credential::SOURCES))
}

fn refused(rejection: Rejection) -> Denial {
    Denial::new(rejection.cause).of_issuer(rejection.issuer)
}
