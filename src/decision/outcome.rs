//! How an exchange ended.

use http::StatusCode;
use prometheus::IntCounter;

use super::GrpcStatus;
use crate::gate::RouteCounters;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered by the upstream.
    Forwarded,
    /// It was refused.
    Denied,
    /// It was admitted, but the upstream failed.
    Failed,
    /// It was admitted, but the client did not finish its request.
    Aborted,
    /// It is a preflight, answered in place of the upstream.
    Preflight,
    /// It was answered with a redirect.
    Redirected,
}

/// What a client did instead of finishing its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadFault {
    /// It stopped sending.
    Stalled,
    /// It disconnected, or sent a malformed body.
    Broke,
    /// It sent more than these bytes, the most that the route takes.
    TooLarge(u64),
}

impl Outcome {
    /// Its name in metrics and spans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Preflight => "preflight",
            Self::Redirected => "redirected",
        }
    }

    pub(super) fn of(self, counters: &RouteCounters) -> Option<&IntCounter> {
        match self {
            Self::Forwarded => Some(&counters.forwarded),
            Self::Denied => Some(&counters.denied),
            Self::Failed => Some(&counters.failed),
            Self::Aborted => Some(&counters.aborted),
            Self::Preflight => counters.preflights.as_ref(),
            Self::Redirected => counters.redirected.as_ref(),
        }
    }
}

impl UploadFault {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::Broke => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    pub(super) fn grpc_status(self) -> GrpcStatus {
        match self {
            Self::Stalled => GrpcStatus::DeadlineExceeded,
            Self::Broke => GrpcStatus::InvalidArgument,
            Self::TooLarge(_) => GrpcStatus::ResourceExhausted,
        }
    }
}
