//! The use of an endpoint by a request, until its answer has come to its end.

use std::{ops::Deref, rc::Rc};

use super::endpoint::UpstreamEndpoint;

/// Counts a request as in flight at an endpoint.
#[derive(Debug)]
pub(crate) struct EndpointLease(Rc<UpstreamEndpoint>);

impl EndpointLease {
    pub(super) fn of(endpoint: &Rc<UpstreamEndpoint>) -> Self {
        endpoint.in_flight.set(endpoint.in_flight.get() + 1);
        Self(Rc::clone(endpoint))
    }
}

impl Deref for EndpointLease {
    type Target = UpstreamEndpoint;

    fn deref(&self) -> &UpstreamEndpoint {
        &self.0
    }
}

impl Drop for EndpointLease {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}
