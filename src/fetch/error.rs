//! Why a document could not be fetched.

use std::time::Duration;

use crate::{refresh::FileLimit, tls::ClientTlsError};

/// One failed exchange. The text names the place (URL or file), what was found there and what was
/// expected; what comes from the server is quoted, escaped and truncated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum FetchError {
    /// The deadline passed: connect, TLS, headers and body together.
    #[error("{place}: no complete answer within {limit:?}")]
    Timeout { place: String, limit: Duration },
    /// No connection: name resolution, refused, reset while connecting.
    #[error("{place}: can't connect: {cause}")]
    Connect { place: String, cause: String },
    /// The proxy on the way opened no tunnel to the server.
    #[error("{place}: {cause}")]
    Proxy { place: String, cause: String },
    /// The TLS handshake failed: the certificate, its name, the protocol.
    #[error("{place}: TLS: {cause}")]
    Tls { place: String, cause: String },
    /// The connection ended, or stopped being HTTP, before the answer was complete.
    #[error("{place}: the answer broke off: {cause}")]
    Interrupted { place: String, cause: String },
    /// Another status than the one that was hoped for.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16, retry_after: Option<Duration> },
    /// A redirect. None is followed: the operator configures the URL (threat K-4).
    #[error("{place}: status {status}, a redirect to {location}, which is not followed")]
    Redirect { place: String, status: u16, location: String },
    /// More bytes than allowed.
    #[error("{place}: more than {limit} bytes")]
    TooLarge { place: String, limit: usize },
    /// A `Content-Encoding`, though none was accepted (threat K-1: no decompression bombs).
    #[error("{place}: Content-Encoding {encoding}, expected none")]
    Encoded { place: String, encoding: String },
    /// What TLS needs can't be loaded: the authorities to trust, or our own certificate.
    #[error(transparent)]
    Authorities(#[from] ClientTlsError),
    /// The client itself failed; a defect.
    #[error("internal error: {cause}")]
    Internal { cause: String },
}

impl FetchError {
    /// For a file, read instead of a URL, that exceeds its bounds.
    pub(crate) fn of_file(place: String, limit: FileLimit) -> Self {
        match limit {
            FileLimit::Bytes(limit) => Self::TooLarge { place, limit },
            FileLimit::Time(limit) => Self::Timeout { place, limit },
        }
    }

    /// Every [`Self::code`], for metrics that exist before the first failure.
    pub const CODES: &'static [&'static str] = &[
        "authorities",
        "connect",
        "encoded",
        "internal",
        "interrupted",
        "proxy",
        "redirect",
        "status",
        "timeout",
        "tls",
        "too_large",
    ];

    /// A stable code out of a closed set: metric label, log field, `/keys`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Connect { .. } => "connect",
            Self::Proxy { .. } => "proxy",
            Self::Tls { .. } => "tls",
            Self::Interrupted { .. } => "interrupted",
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::TooLarge { .. } => "too_large",
            Self::Encoded { .. } => "encoded",
            Self::Authorities(_) => "authorities",
            Self::Internal { .. } => "internal",
        }
    }

    /// Whether the exchange itself failed: an answer that came, and can't be used, is none.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Connect { .. }
            | Self::Proxy { .. }
            | Self::Tls { .. }
            | Self::Interrupted { .. }
            | Self::Authorities(_)
            | Self::Internal { .. } => true,
            Self::Status { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Encoded { .. } => false,
        }
    }

    /// The server's `Retry-After` (of a 429 or 503).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Text from outside is shown up to this many characters, wherever it is shown.
const SHOWN_CHARS: usize = 100;

/// External text for a log line or an error: quoted, escaped, truncated.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_escaped_and_cut() {
        assert_eq!(quoted("a\"\r\nb\u{1b}"), r#""a\"\r\nb\u{1b}""#);
        let long = quoted(&"é".repeat(5_000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 3);
    }
}
