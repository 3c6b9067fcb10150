//! Preflights: requests of browsers that come without a token and ask for another method.

use std::sync::Arc;

use http::{HeaderMap, header::ORIGIN, request::Parts};

use super::{Admission, Decision, Denial, Gate, Peer, Route, restriction::check_maintenance};
use crate::{
    cors::Preflight,
    policy::{CanonicalRequest, RouteDestination, RouteMatch, ids::ListenerId},
    reason::{Excerpt, Fault, Part, Reason, Subject},
};

/// A preflight of a request whose route has `cors`.
#[derive(Debug)]
pub struct AnnouncedRequest<'g> {
    /// The preflight itself, read by the rules of that route.
    pub request: CanonicalRequest,
    /// The route of the announced request.
    pub route: &'g Arc<Route>,
}

impl Gate {
    /// What a preflight announces. `None`: it is a request like any other, and needs a route for
    /// `OPTIONS`.
    ///
    /// The target is read as that of the announced request will be, since routes differ in the
    /// paths that they take.
    pub fn preflight(&self, listener: ListenerId, head: &Parts) -> Option<AnnouncedRequest<'_>> {
        self.cors.as_ref()?;
        let method = Preflight::of(&head.method, &head.headers)?.announced();
        let announced =
            self.request_rules(listener).canonical(&method, &head.uri, head.version, &head.headers);
        let announced = announced.ok()?;
        let RouteMatch::Found(route) = self.find(&announced) else {
            return None;
        };
        let route = self.routes.get(route);
        route.is_shared().then(|| AnnouncedRequest { request: announced.as_preflight(), route })
    }

    /// Decides on a preflight of that route.
    ///
    /// # Errors
    /// The [`Denial`] of one that comes from a page of another origin, from an address that the route
    /// does not take, or for an upstream that is switched off.
    pub fn admit_preflight<'g>(
        &'g self,
        route: &'g Arc<Route>,
        headers: &HeaderMap,
        peer: &Peer,
    ) -> Result<Decision<'g>, Denial> {
        self.check_address(route, headers, peer)?;
        if self.check_preflight(route, headers)? {
            return Ok(Decision::Preflight(route));
        }
        check_maintenance(route)?;
        Ok(match route.destination() {
            RouteDestination::Redirect(to) => Decision::Redirect(route, to),
            RouteDestination::Upstream(upstream) => Decision::Admitted(Admission {
                route,
                upstream: *upstream,
                caller: None,
                signature: None,
                permit: None,
            }),
        })
    }

    /// Whether the proxy answers it in place of the service.
    pub(super) fn check_preflight(
        &self,
        route: &Arc<Route>,
        headers: &HeaderMap,
    ) -> Result<bool, Denial> {
        let cors = self.cors().filter(|cors| cors.allowed_origin(headers).is_some());
        let cors = cors.ok_or_else(|| foreign_origin(headers).on(route))?;
        Ok(cors.answers_preflights())
    }
}

/// The setting has too many origins to list them.
fn foreign_origin(headers: &HeaderMap) -> Denial {
    let sent = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    let subject = Subject::new(Part::Header, Fault::NotAllowed).named(ORIGIN.as_str());
    let subject = subject.found(Excerpt::quoted(&sent.unwrap_or_default()));
    Denial::new(Reason::OriginNotAllowed.about(subject.setting("cors.origins")))
}
