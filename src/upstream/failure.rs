//! Why an admitted request got no answer from its upstream.

use super::{UpstreamError, http1::BrokenExchange};
use crate::{decision::Unsignable, reason::Reason};

/// Every reason that is counted.
pub(super) const REASONS: [Reason; 6] = [
    Reason::UpstreamUnreachable,
    Reason::UpstreamConnectTimeout,
    Reason::UpstreamUntrusted,
    Reason::UpstreamBroken,
    Reason::UpstreamTimeout,
    Reason::UpstreamResponseInvalid,
];

impl UpstreamError {
    /// Whether the upstream could not be reached, failed, or took too long.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Unaddressable(_) | Self::Unresolved | Self::Refused(_) => {
                Reason::UpstreamUnreachable
            }
            Self::Busy(_) => Reason::UpstreamBusy,
            Self::ConnectTimeout(_) => Reason::UpstreamConnectTimeout,
            Self::Handshake(_) => Reason::UpstreamUntrusted,
            Self::StreamTimeout(_)
            | Self::ResponseTimeout(_)
            | Self::Unsignable(Unsignable::Stalled(_)) => Reason::UpstreamTimeout,
            Self::Broken(BrokenExchange::Malformed(_))
            | Self::ProtocolChanged
            | Self::Misframed(_)
            | Self::Unsignable(_) => Reason::UpstreamResponseInvalid,
            Self::Broken(_)
            | Self::BrokenStream(_)
            | Self::Unprocessed(_)
            | Self::ClosedEarly
            | Self::ChoseHttp1 => Reason::UpstreamBroken,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What no scenario can bring about on a loopback interface.
    #[test]
    fn deadlines_have_their_reasons() {
        let second = Duration::from_secs(1);
        let of = |error: UpstreamError| error.reason();
        assert_eq!(of(UpstreamError::ConnectTimeout(second)), Reason::UpstreamConnectTimeout);
        assert_eq!(of(UpstreamError::StreamTimeout(second)), Reason::UpstreamTimeout);
        let stalled = UpstreamError::Unsignable(Unsignable::Stalled(second));
        assert_eq!(of(stalled), Reason::UpstreamTimeout);
        let large = UpstreamError::Unsignable(Unsignable::TooLarge(1));
        assert_eq!(of(large), Reason::UpstreamResponseInvalid);
    }
}
