//! What is counted of a denial.

use super::{Denial, Gate, Route};
use crate::policy::ids::RouteId;

impl Gate {
    /// How metrics and logs call the route of requests that have none.
    pub const UNROUTED: &str = "(none)";

    /// Counts a denial. Called once for each, where it becomes an answer.
    pub fn count_denial(&self, denial: &Denial) {
        self.metrics.denied(denial.reason(), self.issuer_label(denial.issuer()));
        denial.route().map_or(&self.unrouted, Route::counters).denied.inc();
    }

    /// How metrics and logs call a route.
    pub fn route_label(&self, route: Option<RouteId>) -> &str {
        route.map_or(Self::UNROUTED, |route| self.routes.get(route).label())
    }
}
