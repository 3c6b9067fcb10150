//! The endpoints of an upstream on one worker, and which of them gets a request.

mod several;

use std::{rc::Rc, sync::Arc};

use http::StatusCode;

use crate::tls::UpstreamTls;

use super::{
    UpstreamCaps, UpstreamError,
    balance::{EndpointId, RetryOutcome, SharedEndpoints},
    endpoint::UpstreamEndpoint,
    lease::EndpointLease,
    settings::UpstreamSettings,
};

use several::SeveralEndpoints;

/// The endpoints of one upstream.
#[derive(Debug)]
pub(super) enum Endpoints {
    One(Rc<UpstreamEndpoint>),
    Several(Rc<SeveralEndpoints>),
}

/// The endpoints that had no connection for a request.
#[derive(Debug, Default)]
pub(super) struct TriedEndpoints(Vec<EndpointId>);

/// No more are tried for one request: each may take `connect_timeout`.
const MAX_TRIED: usize = 3;

impl Endpoints {
    /// `shared`: of an upstream that has several.
    pub(super) fn new(
        settings: &UpstreamSettings,
        tls: Option<&Arc<UpstreamTls>>,
        shared: Option<&Arc<SharedEndpoints>>,
        caps: &Arc<UpstreamCaps>,
    ) -> Self {
        match shared {
            None => {
                Self::One(Rc::new(UpstreamEndpoint::new(&settings.address, settings, tls, caps)))
            }
            Some(shared) => {
                Self::Several(Rc::new(SeveralEndpoints::new(settings, tls, shared, caps)))
            }
        }
    }

    /// No connection is kept any more: those in use are closed after it.
    pub(super) fn close(&self) {
        match self {
            Self::One(endpoint) => endpoint.close(),
            Self::Several(endpoints) => endpoints.close(),
        }
    }

    /// Whether the next request most likely goes over HTTP/1.1. Where that is negotiated, it is
    /// found out with the endpoint.
    pub(super) fn expects_http1(&self) -> bool {
        match self {
            Self::One(endpoint) => endpoint.expects_http1(),
            Self::Several(endpoints) => endpoints.expects_http1(),
        }
    }

    /// The endpoint for a request. `None`: the name has not been resolved yet.
    pub(super) fn pick(&self) -> Option<EndpointLease> {
        match self {
            Self::One(endpoint) => Some(EndpointLease::of(endpoint)),
            Self::Several(endpoints) => endpoints.pick(),
        }
    }

    /// Waits for the name to be resolved, for the first requests.
    pub(super) async fn resolved(&self) -> Result<EndpointLease, UpstreamError> {
        let picked = match self {
            Self::One(_) => self.pick(),
            Self::Several(endpoints) => endpoints.resolved().await,
        };
        picked.ok_or(UpstreamError::Unresolved)
    }

    pub(super) fn are_several(&self) -> bool {
        matches!(self, Self::Several(_))
    }

    /// It has answered, with that status.
    pub(super) fn answered(&self, endpoint: &UpstreamEndpoint, status: StatusCode) {
        if let Self::Several(endpoints) = self {
            endpoints.answered(endpoint, status);
        }
    }

    /// Another endpoint, if the error was that there is no connection to one: nothing was sent.
    pub(super) fn another_after(
        &self,
        error: &UpstreamError,
        failed: EndpointLease,
        tried: &mut TriedEndpoints,
    ) -> Option<EndpointLease> {
        match self {
            Self::Several(endpoints) if error.is_unreachable() => endpoints.another(failed, tried),
            Self::One(_) | Self::Several(_) => None,
        }
    }

    /// The endpoint for a request that got no answer: another one, if there is. `None`: too many
    /// were sent again.
    pub(super) fn for_repetition(&self, failed: EndpointLease) -> Option<EndpointLease> {
        match self {
            Self::One(_) => Some(failed),
            Self::Several(endpoints) => endpoints.for_repetition(failed),
        }
    }

    /// It was answered, after those had no connection for it.
    pub(super) fn count_tried(&self, tried: &TriedEndpoints) {
        if let (Self::Several(endpoints), false) = (self, tried.is_first()) {
            endpoints.count_retry(RetryOutcome::Answered);
        }
    }

    /// What happened to a request that had failed at one endpoint.
    pub(super) fn count_retry<T>(&self, outcome: &Result<T, UpstreamError>) {
        if let Self::Several(endpoints) = self {
            endpoints.count_retry(match outcome {
                Ok(_) => RetryOutcome::Answered,
                Err(_) => RetryOutcome::Failed,
            });
        }
    }
}

impl TriedEndpoints {
    pub(super) fn is_first(&self) -> bool {
        self.0.is_empty()
    }
}
