//! The decision about a request that no client has sent, check by check, for an operator who wants
//! to know why.

use std::{rc::Rc, sync::Arc};

use http::HeaderMap;

use super::{Admission, Caller, Denial, Gate, Peer, Route, restriction::check_maintenance};
use crate::{
    policy::{
        CanonicalRequest, Requirement, credential::PlaceSet, ids::IssuerId, settings::Guests,
    },
    reason::Reason,
    token::{FoundCredential, Observer, Presented, VerifiedToken},
};

/// What would become of a request that passes every check that was made.
#[derive(Debug)]
pub struct Explained<'g> {
    /// The route that it takes.
    pub route: &'g Arc<Route>,
    /// Whose token it has, if it needs one.
    pub issuer: Option<IssuerId>,
    /// Where it is redirected to, without the query; no upstream receives it then.
    pub redirect: Option<String>,
    /// What its upstream receives as path, without the query.
    pub path: String,
    /// The headers that its upstream receives.
    pub headers: HeaderMap,
    /// Those of them that hold claims.
    pub claims: HeaderMap,
}

/// A request that would be refused.
#[derive(Debug)]
pub struct NotExplained {
    /// Why.
    pub denial: Denial,
    /// The checks of its token, in their order, if one of them failed; else empty.
    pub checks: &'static [&'static str],
}

/// In whose name an explained request comes.
struct ExplainedCaller {
    token: VerifiedToken,
    places: PlaceSet,
}

impl Gate {
    /// Decides as [`Gate::admit`] does, in its order, and reports each check. No request's verdict
    /// depends on it: nothing is cached, and limits are not asked. `peer.certificate` and an
    /// address that is not known are not checked; neither are a signature and its body.
    ///
    /// # Errors
    /// [`NotExplained`] with the first check that fails.
    pub async fn explain(
        &self,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        peer: &Peer,
        observer: &mut impl Observer,
    ) -> Result<Explained<'_>, NotExplained> {
        observer.began("route");
        let route = self.route(request)?;
        observer.passed("route", || route.label().to_owned());
        self.explain_restrictions(route, headers, peer, observer)?;
        let caller = if let Some(requirement) = route.requirement() {
            self.explain_caller(route, requirement, request, headers, peer, observer).await?
        } else {
            observer.passed("credential", || "public: no token is looked at".to_owned());
            None
        };
        if let Some(redirect) = route.redirect() {
            let location = redirect.location(request);
            let location = location.map_err(|refused| Denial::new(refused.cause()).on(route))?;
            let location = without_query(location.to_str().unwrap_or_default()).to_owned();
            return Ok(Explained::redirected(route, location));
        }
        observer.began("forwarded path");
        let outgoing = route.outgoing_target(request)?;
        let target = match &outgoing {
            Some(outgoing) => &outgoing.target,
            None => request.target(),
        };
        let path = without_query(target.as_str()).to_owned();
        observer.passed("forwarded path", || path.clone());
        self.explain_forward(route, caller, request, headers, peer, path)
    }

    fn explain_restrictions(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
        peer: &Peer,
        observer: &mut impl Observer,
    ) -> Result<(), NotExplained> {
        if route.addresses().is_some() && peer.address.is_some() {
            observer.began("address");
            self.check_address(route, headers, peer)?;
            observer.passed("address", || "the route is open to this address".to_owned());
        }
        observer.began("maintenance");
        Ok(check_maintenance(route)?)
    }

    async fn explain_caller(
        &self,
        route: &Arc<Route>,
        requirement: &Requirement,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        peer: &Peer,
        observer: &mut impl Observer,
    ) -> Result<Option<ExplainedCaller>, NotExplained> {
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
        self.explain_token(route, requirement, &found, headers, observer).await
    }

    async fn explain_token(
        &self,
        route: &Arc<Route>,
        requirement: &Requirement,
        found: &FoundCredential<'_>,
        headers: &HeaderMap,
        observer: &mut impl Observer,
    ) -> Result<Option<ExplainedCaller>, NotExplained> {
        let presented = Presented { credential: found.credential(), headers };
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

    fn explain_forward<'g>(
        &'g self,
        route: &'g Arc<Route>,
        caller: Option<ExplainedCaller>,
        request: &CanonicalRequest,
        headers: &HeaderMap,
        peer: &Peer,
        path: String,
    ) -> Result<Explained<'g>, NotExplained> {
        let (mut headers, mut claims) = (headers.clone(), HeaderMap::new());
        let issuer = caller.as_ref().map(|caller| caller.token.issuer());
        let caller = caller.map(|ExplainedCaller { token, places }| {
            token.headers().apply(&mut claims);
            Caller { token: Rc::new(token), places, assertion: None }
        });
        let admission = Admission { route, caller, signature: None, permit: None };
        if let Some(origin) = self.prepare(&admission, request, &mut headers, peer)? {
            origin.set(&mut headers);
        }
        Ok(Explained { route, issuer, redirect: None, path, headers, claims })
    }
}

impl<'g> Explained<'g> {
    fn redirected(route: &'g Arc<Route>, location: String) -> Self {
        Self {
            route,
            issuer: None,
            redirect: Some(location),
            path: String::new(),
            headers: HeaderMap::new(),
            claims: HeaderMap::new(),
        }
    }
}

/// A query may have a token in it.
fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

impl From<Denial> for NotExplained {
    fn from(denial: Denial) -> Self {
        Self { denial, checks: &[] }
    }
}
