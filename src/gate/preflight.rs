//! Preflights: requests of browsers that come without a token and ask for another method.

use http::HeaderMap;

use super::{Admission, Decision, Denial, Gate};
use crate::{
    cors::{Cors, Preflight},
    policy::{CanonicalRequest, RouteMatch},
    reason::Reason,
};

impl Gate {
    /// The decision on a preflight, which is one where the route of the request that it announces
    /// has `cors`. `None`: it is a request like any other, and needs a route for `OPTIONS`.
    pub(super) fn preflight(
        &self,
        cors: &Cors,
        request: &CanonicalRequest,
        headers: &HeaderMap,
    ) -> Result<Option<Decision<'_>>, Denial> {
        let Some(preflight) = Preflight::of(request.method(), headers) else {
            return Ok(None);
        };
        let Ok(announced) = self.request_rules.announced(request, &preflight.announced()) else {
            return Ok(None);
        };
        let RouteMatch::Found(route) = self.matcher.find(&announced) else {
            return Ok(None);
        };
        let route = self.routes.get(route);
        if !route.is_shared() {
            return Ok(None);
        }
        if cors.allowed_origin(headers).is_none() {
            return Err(Denial::new(Reason::OriginNotAllowed).on(route));
        }
        Ok(Some(if cors.answers_preflights() {
            Decision::Preflight(route)
        } else {
            Decision::Admitted(Admission { route, caller: None, signature: None })
        }))
    }
}
