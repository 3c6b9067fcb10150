//! The decision about a request that no client has sent, check by check, for an operator who wants
//! to know why.

mod caller;
mod forwarded;
mod signature;
mod unchecked;

use std::sync::Arc;

use http::HeaderMap;

use super::{Denial, Gate, Peer, Route, restriction::check_maintenance};
use crate::{
    policy::{CanonicalRequest, Redirect, RouteDestination, ids::IssuerId},
    token::Observer,
};

use caller::ExplainedCaller;
pub use unchecked::Unchecked;

/// The request, as a client would send it.
#[derive(Debug)]
pub struct ExplainedRequest<'r> {
    /// What it is for.
    pub request: &'r CanonicalRequest,
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// Where it comes from, as far as that is known.
    pub peer: &'r Peer,
    /// A signature to be put where its route expects one.
    pub signature: Option<&'r str>,
    /// Its body; `None`: it is not known.
    pub body: Option<&'r [u8]>,
}

/// What happens to a request that passes every check that was made.
#[derive(Debug)]
pub struct Explained<'g> {
    /// The route that it takes.
    pub route: &'g Arc<Route>,
    /// Whose token it has, if it needs one.
    pub issuer: Option<IssuerId>,
    /// What the proxy answers itself; no upstream receives the request then.
    pub own_answer: Option<OwnAnswer>,
    /// What its upstream receives as path, without the query.
    pub path: String,
    /// The headers that its upstream receives.
    pub headers: HeaderMap,
    /// Those of them that hold claims.
    pub claims: HeaderMap,
    /// What the route checks in addition.
    pub unchecked: Vec<Unchecked>,
}

/// An answer of the proxy's own to a request that passes.
#[derive(Debug)]
pub enum OwnAnswer {
    /// A redirect to this location, without its query.
    Redirect(String),
    /// A preflight's.
    Preflight,
}

/// A request that would be refused.
#[derive(Debug)]
pub struct NotExplained {
    /// Why.
    pub denial: Denial,
    /// The checks of its token, in their order, if one of them failed; else empty.
    pub checks: &'static [&'static str],
}

impl Gate {
    /// Decides as [`Gate::admit`] does, in its order, and reports each check. No request's verdict
    /// depends on it: nothing is cached, counted or reserved, and limits are not asked. What can't
    /// be checked in this way is listed in [`Explained::unchecked`].
    ///
    /// # Errors
    /// [`NotExplained`] with the first check that fails.
    pub async fn explain(
        &self,
        asked: &ExplainedRequest<'_>,
        observer: &mut impl Observer,
    ) -> Result<Explained<'_>, NotExplained> {
        observer.began("route");
        let route = self.route(asked.request)?;
        observer.passed("route", || route.label().to_owned());
        let mut unchecked = Vec::new();
        self.explain_restrictions(route, asked, &mut unchecked, observer)?;
        let caller = if let Some(requirement) = route.requirement() {
            self.explain_caller(route, requirement, asked, observer).await?
        } else {
            observer.passed("credential", || "public: no token is looked at".to_owned());
            None
        };
        let upstream = match route.destination() {
            RouteDestination::Upstream(upstream) => *upstream,
            RouteDestination::Redirect(to) => return explain_redirect(route, to, asked, unchecked),
        };
        unchecked.extend(Unchecked::of_route(route));
        let path = explain_path(route, asked, observer)?;
        let claims = caller.as_ref().map(ExplainedCaller::claims);
        let signature = self.explain_signature(route, claims, asked, &mut unchecked, observer);
        let signature = signature.await?;
        let place = (route, upstream);
        let forwarded = self.explain_forwarded(place, caller, signature, asked, path)?;
        Ok(Explained { unchecked, ..forwarded })
    }

    /// Decides as [`Gate::admit_preflight`] does on a preflight of that route.
    ///
    /// # Errors
    /// [`NotExplained`] with the first check that fails.
    pub fn explain_preflight<'g>(
        &'g self,
        route: &'g Arc<Route>,
        asked: &ExplainedRequest<'_>,
        observer: &mut impl Observer,
    ) -> Result<Explained<'g>, NotExplained> {
        observer.passed("route", || format!("{}, by the announced method", route.label()));
        let mut unchecked = Vec::new();
        self.explain_address(route, asked, &mut unchecked, observer)?;
        observer.began("origin");
        let is_answered = self.check_preflight(route, asked.headers)?;
        observer.passed("origin", || "cors.origins has it".to_owned());
        if is_answered {
            return Ok(Explained::answered(route, OwnAnswer::Preflight, unchecked));
        }
        observer.began("maintenance");
        check_maintenance(route)?;
        let upstream = match route.destination() {
            RouteDestination::Upstream(upstream) => *upstream,
            RouteDestination::Redirect(to) => return explain_redirect(route, to, asked, unchecked),
        };
        let path = explain_path(route, asked, observer)?;
        let place = (route, upstream);
        let forwarded = self.explain_forwarded(place, None, None, asked, path)?;
        Ok(Explained { unchecked, ..forwarded })
    }

    fn explain_restrictions(
        &self,
        route: &Arc<Route>,
        asked: &ExplainedRequest<'_>,
        unchecked: &mut Vec<Unchecked>,
        observer: &mut impl Observer,
    ) -> Result<(), NotExplained> {
        match (route.client_certificate(), asked.peer.certificate.as_deref()) {
            (None, _) => {}
            (Some(_), None) => unchecked.push(Unchecked::ClientCertificate),
            (Some(rule), certificate) => {
                observer.began("client certificate");
                rule.check(certificate).map_err(|cause| Denial::new(cause).on(route))?;
                observer.passed("client certificate", || "the route takes it".to_owned());
                unchecked.push(Unchecked::CertificateChain);
            }
        }
        self.explain_address(route, asked, unchecked, observer)?;
        observer.began("maintenance");
        Ok(check_maintenance(route)?)
    }

    fn explain_address(
        &self,
        route: &Arc<Route>,
        asked: &ExplainedRequest<'_>,
        unchecked: &mut Vec<Unchecked>,
        observer: &mut impl Observer,
    ) -> Result<(), NotExplained> {
        if route.addresses().is_none() {
            return Ok(());
        }
        if asked.peer.address.is_none() {
            unchecked.push(Unchecked::Address);
            return Ok(());
        }
        observer.began("address");
        self.check_address(route, asked.headers, asked.peer)?;
        observer.passed("address", || "the route is open to this address".to_owned());
        Ok(())
    }
}

fn explain_redirect<'g>(
    route: &'g Arc<Route>,
    redirect: &Redirect,
    asked: &ExplainedRequest<'_>,
    unchecked: Vec<Unchecked>,
) -> Result<Explained<'g>, NotExplained> {
    let location = redirect.location(asked.request);
    let location = location.map_err(|refused| Denial::new(refused.cause()).on(route))?;
    let location = without_query(location.to_str().unwrap_or_default()).to_owned();
    Ok(Explained::answered(route, OwnAnswer::Redirect(location), unchecked))
}

fn explain_path(
    route: &Arc<Route>,
    asked: &ExplainedRequest<'_>,
    observer: &mut impl Observer,
) -> Result<String, NotExplained> {
    observer.began("forwarded path");
    let outgoing = route.outgoing_target(asked.request)?;
    let target = match &outgoing {
        Some(outgoing) => &outgoing.target,
        None => asked.request.target(),
    };
    let path = without_query(target.as_str()).to_owned();
    observer.passed("forwarded path", || path.clone());
    Ok(path)
}

impl<'g> Explained<'g> {
    fn answered(route: &'g Arc<Route>, answer: OwnAnswer, unchecked: Vec<Unchecked>) -> Self {
        Self {
            route,
            issuer: None,
            own_answer: Some(answer),
            path: String::new(),
            headers: HeaderMap::new(),
            claims: HeaderMap::new(),
            unchecked,
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
