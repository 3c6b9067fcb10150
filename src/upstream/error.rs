//! Why an upstream did not answer.

use std::time::Duration;

use crate::{decision::Unsignable, tls::HandshakeFailure, wire::framing::MisframedAnswer};

use super::{caps::UpstreamIsBusy, http1::BrokenExchange};

/// Why an upstream did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The request can't be written as this upstream receives requests.
    #[error("cannot be addressed: {0}")]
    Unaddressable(#[from] http::Error),
    /// The name of which every address is an endpoint was not resolved yet.
    #[error("no address of the upstream is known")]
    Unresolved,
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Refused(#[source] std::io::Error),
    /// The upstream is not the one that is meant, or speaks no TLS.
    #[error(transparent)]
    Handshake(#[from] HandshakeFailure),
    /// Its connections turned out to be of HTTP/1.1, one after another that were of HTTP/2.
    #[error("the upstream has chosen HTTP/1.1 instead of HTTP/2")]
    ChoseHttp1,
    /// It has all that it may have.
    #[error(transparent)]
    Busy(#[from] UpstreamIsBusy),
    /// No connection within the deadline.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    ResponseTimeout(Duration),
    /// The connection broke, or what came was no HTTP/1.1.
    #[error("broken exchange: {0}")]
    Broken(#[from] BrokenExchange),
    /// The same over HTTP/2.
    #[error("broken exchange: {0}")]
    BrokenStream(#[source] hyper::Error),
    /// The upstream declined the request without looking at it (RFC 9113 §8.7).
    #[error("the upstream did not process the request: {0}")]
    Unprocessed(#[source] hyper::Error),
    /// All streams that the upstream allows were in use.
    #[error("no stream within {0:?}")]
    StreamTimeout(Duration),
    /// The connection had been closed before the request was sent, on a new connection.
    #[error("the upstream closed a new connection before taking the request")]
    ClosedEarly,
    /// It changed the protocol (101) without a request, or to another than requested.
    #[error("the upstream changed the protocol without being asked")]
    ProtocolChanged,
    /// Where its answer ends can't be told.
    #[error("ambiguous answer: {0}")]
    Misframed(#[from] MisframedAnswer),
    /// The answer was to be signed, and can't be.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
}

impl UpstreamError {
    /// Whether it is certain that the upstream has seen nothing of the request.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::Unaddressable(_)
                | Self::Unresolved
                | Self::Refused(_)
                | Self::Handshake(_)
                | Self::ChoseHttp1
                | Self::Busy(_)
                | Self::ConnectTimeout(_)
                | Self::StreamTimeout(_)
                | Self::Unprocessed(_)
                | Self::ClosedEarly
        )
    }

    /// Whether there was no connection that took the request.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Handshake(_) | Self::ConnectTimeout(_) | Self::ClosedEarly
        )
    }

    /// Of the errors of two attempts the one that tells what the upstream may have seen.
    pub(super) fn after(self, first: Self) -> Self {
        if self.is_unsent() { first } else { self }
    }
}
