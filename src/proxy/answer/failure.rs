//! Failures: admitted requests that got no answer from their upstream.

use http::StatusCode;

use super::grpc::GrpcStatus;
use crate::proxy::{answer_signing::Unsignable, body::ClientFault, upstream::UpstreamError};

/// Why an admitted request got no answer from its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Failure {
    /// The upstream refused, or broke off.
    BadGateway,
    /// The upstream did not answer in time.
    GatewayTimeout,
    /// The client stopped sending its body.
    RequestTimeout,
    /// The client's body broke off, or was none.
    BrokenUpload,
}

impl Failure {
    /// What a failed exchange was. A client that did not finish its upload is to blame, whatever
    /// the upstream made of that.
    pub(in crate::proxy) fn of(error: &UpstreamError, client: Option<ClientFault>) -> Self {
        if let Some(fault) = client {
            return fault.into();
        }
        match error {
            UpstreamError::ConnectTimeout(_)
            | UpstreamError::ResponseTimeout(_)
            | UpstreamError::Unsignable(Unsignable::Stalled(_)) => Self::GatewayTimeout,
            UpstreamError::Unaddressable(_)
            | UpstreamError::Refused(_)
            | UpstreamError::Broken(_)
            | UpstreamError::ClosedEarly
            | UpstreamError::ProtocolChanged
            | UpstreamError::Unsignable(_) => Self::BadGateway,
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenUpload => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn grpc_status(self) -> GrpcStatus {
        match self {
            Self::BadGateway => GrpcStatus::Unavailable,
            Self::GatewayTimeout | Self::RequestTimeout => GrpcStatus::DeadlineExceeded,
            Self::BrokenUpload => GrpcStatus::InvalidArgument,
        }
    }
}

impl From<ClientFault> for Failure {
    fn from(fault: ClientFault) -> Self {
        match fault {
            ClientFault::Stalled => Self::RequestTimeout,
            ClientFault::Broke => Self::BrokenUpload,
        }
    }
}
