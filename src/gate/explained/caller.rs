//! In whose name an explained request comes.

use std::sync::Arc;

use super::{ExplainedRequest, NotExplained};
use crate::{
    gate::{Denial, Gate, Route},
    json::Object,
    policy::{Requirement, credential::PlaceSet, settings::Guests},
    reason::Reason,
    token::{FoundCredential, Observer, Presented, VerifiedToken},
};

/// A caller whose token was verified without any cache.
pub(super) struct ExplainedCaller {
    pub(super) token: VerifiedToken,
    pub(super) places: PlaceSet,
}

impl ExplainedCaller {
    pub(super) fn claims(&self) -> &Object {
        self.token.claims()
    }
}

impl Gate {
    pub(super) async fn explain_caller(
        &self,
        route: &Arc<Route>,
        requirement: &Requirement,
        asked: &ExplainedRequest<'_>,
        observer: &mut impl Observer,
    ) -> Result<Option<ExplainedCaller>, NotExplained> {
        let ExplainedRequest { request, headers, peer, .. } = asked;
        let sources = route.sources();
        observer.began("credential");
        let found = match sources.extract(request, headers) {
            Ok(found) => found,
            Err(Reason::CredentialMissing) if requirement.guests() != Guests::Refused => {
                observer.passed("credential", || "none: guests may pass".to_owned());
                return Ok(None);
            }
            Err(reason) => return Err(Denial::new(reason).on(route).into()),
        };
        let site = sources.check_site(&found, request, headers, peer.scheme);
        site.map_err(|cause| Denial::new(cause).on(route))?;
        let form = found.credential().check_form();
        form.map_err(|reason| Denial::new(reason).on(route))?;
        observer.passed("credential", || sources.describe(found.places));
        self.explain_token(route, requirement, &found, asked, observer).await
    }

    async fn explain_token(
        &self,
        route: &Arc<Route>,
        requirement: &Requirement,
        found: &FoundCredential<'_>,
        asked: &ExplainedRequest<'_>,
        observer: &mut impl Observer,
    ) -> Result<Option<ExplainedCaller>, NotExplained> {
        let presented = Presented { credential: found.credential(), headers: asked.headers };
        let text = presented.credential.as_bytes();
        let verified = self.verifier.explain(text, route.issuers(), observer).await;
        let token = match verified {
            Ok(token) => token,
            Err(expired) if requirement.ignores(expired.cause.reason()) => {
                observer.passed("guest", || "an expired token counts as none here".to_owned());
                return Ok(None);
            }
            Err(rejection) => {
                let checks = self.verifier.checks(text, route.issuers());
                let denial = Denial::new(rejection.cause).of_issuer(rejection.issuer).on(route);
                return Err(NotExplained { denial, checks });
            }
        };
        let issuer = Some(token.issuer());
        let bound = self.verifier.check_request(&token, presented, observer);
        bound.map_err(|refused| Denial::new(refused.cause).of_issuer(issuer).on(route))?;
        observer.began("requirement");
        let checked = self.check_place(route, requirement, &token, found.places);
        checked.map_err(|denial| denial.on(route))?;
        observer.passed("requirement", || "place, issuer, scopes and claims suffice".to_owned());
        Ok(Some(ExplainedCaller { token, places: found.places }))
    }
}
