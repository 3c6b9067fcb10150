//! Why an admitted request got no answer from its upstream.

use http::StatusCode;

use crate::{
    decision::{GrpcStatus, Refusal, RefusalForm, Unsignable},
    upstream::UpstreamError,
};

/// Whether the upstream failed, or took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamFailure {
    /// It refused, or broke off.
    BadGateway,
    /// It did not answer in time.
    GatewayTimeout,
}

impl UpstreamFailure {
    pub(super) fn of(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::ConnectTimeout(_)
            | UpstreamError::StreamTimeout(_)
            | UpstreamError::ResponseTimeout(_)
            | UpstreamError::Unsignable(Unsignable::Stalled(_)) => Self::GatewayTimeout,
            UpstreamError::Unaddressable(_)
            | UpstreamError::Unresolved
            | UpstreamError::Refused(_)
            | UpstreamError::Broken(_)
            | UpstreamError::BrokenStream(_)
            | UpstreamError::Unprocessed(_)
            | UpstreamError::ClosedEarly
            | UpstreamError::ProtocolChanged
            | UpstreamError::Misframed(_)
            | UpstreamError::Unsignable(_) => Self::BadGateway,
        }
    }

    pub(super) fn answer(self, form: RefusalForm) -> Refusal {
        match self {
            Self::BadGateway => {
                Refusal::bare(StatusCode::BAD_GATEWAY, GrpcStatus::Unavailable, form)
            }
            Self::GatewayTimeout => {
                Refusal::bare(StatusCode::GATEWAY_TIMEOUT, GrpcStatus::DeadlineExceeded, form)
            }
        }
    }
}
