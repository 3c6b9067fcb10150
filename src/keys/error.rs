//! Why a key source could not be used.

use std::time::Duration;

/// One failed attempt to get keys. The text names the place (URL or file), what was found there
/// and what was expected; what comes from the other side is quoted, escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what their names say; the text tells the rest")]
pub enum KeyError {
    /// The deadline passed: connect, TLS, headers and body together.
    #[error("{place}: no complete answer within {limit:?}")]
    Timeout { place: String, limit: Duration },
    /// No connection: name resolution, refused, reset while connecting.
    #[error("{place}: can't connect: {cause}")]
    Connect { place: String, cause: String },
    /// The TLS handshake failed: the certificate, its name, the protocol.
    #[error("{place}: TLS: {cause}")]
    Tls { place: String, cause: String },
    /// The connection ended, or stopped being HTTP, before the answer was complete.
    #[error("{place}: the answer broke off: {cause}")]
    Interrupted { place: String, cause: String },
    /// Neither 200 nor 304.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16, retry_after: Option<Duration> },
    /// A redirect. None is followed: the operator names the place where keys are (threat K-4).
    #[error("{place}: status {status}, a redirect to {location}, which is not followed")]
    Redirect { place: String, status: u16, location: String },
    /// More bytes than allowed.
    #[error("{place}: more than {limit} bytes")]
    TooLarge { place: String, limit: usize },
    /// A `Content-Encoding`, though none was accepted (threat K-1: no decompression bombs).
    #[error("{place}: Content-Encoding {encoding}, expected none")]
    Encoded { place: String, encoding: String },
    /// Not the kind of document that was expected.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// A document without one key that may be used. Never taken as "there are no keys".
    #[error("{place}: no usable key{}", skipped(*count, first.as_deref()))]
    NoUsableKeys { place: String, count: usize, first: Option<String> },
    /// Metadata of another issuer (OpenID Connect Discovery §4.3, RFC 8414 §3.3).
    #[error("{place}: the metadata's issuer is {found}, expected {expected:?}")]
    IssuerMismatch { place: String, found: String, expected: String },
    /// Metadata whose `jwks_uri` is missing or not acceptable.
    #[error("{place}: jwks_uri {cause}")]
    JwksUri { place: String, cause: String },
    /// A file that can't be read.
    #[error("{place}: {cause}")]
    File { place: String, cause: String },
    /// A shared secret that is too short (RFC 7518 §3.2) or not usable.
    #[error("{place}: the secret has {found} bytes, needed are at least {needed}")]
    ShortSecret { place: String, found: usize, needed: usize },
    /// The certificate authorities to trust can't be loaded.
    #[error("{place}: certificate authorities: {cause}")]
    Authorities { place: String, cause: String },
    /// The refresher itself failed; a defect.
    #[error("internal error while refreshing: {cause}")]
    Internal { cause: String },
}

impl KeyError {
    /// Every [`Self::code`], for metrics that exist before the first failure.
    pub const CODES: &'static [&'static str] = &[
        "timeout",
        "connect",
        "tls",
        "interrupted",
        "status",
        "redirect",
        "too_large",
        "encoded",
        "malformed",
        "no_usable_keys",
        "issuer_mismatch",
        "jwks_uri",
        "file",
        "short_secret",
        "authorities",
        "internal",
    ];

    /// A stable word out of a closed set: metric label, log field, `/keys`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Interrupted { .. } => "interrupted",
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::TooLarge { .. } => "too_large",
            Self::Encoded { .. } => "encoded",
            Self::Malformed { .. } => "malformed",
            Self::NoUsableKeys { .. } => "no_usable_keys",
            Self::IssuerMismatch { .. } => "issuer_mismatch",
            Self::JwksUri { .. } => "jwks_uri",
            Self::File { .. } => "file",
            Self::ShortSecret { .. } => "short_secret",
            Self::Authorities { .. } => "authorities",
            Self::Internal { .. } => "internal",
        }
    }

    /// How long the source asked to be left alone (`Retry-After` of a 429 or 503).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Text from outside is shown up to this many characters, wherever it is shown.
const SHOWN_CHARS: usize = 100;

/// Text from outside as it may stand in a log line or an error: quoted, escaped, cut.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn skipped(count: usize, first: Option<&str>) -> String {
    match first {
        Some(first) => format!(" ({count} left out; the first: {first})"),
        None => String::new(),
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

    #[test]
    fn a_failure_names_its_place_and_what_was_found() {
        let error = KeyError::NoUsableKeys {
            place: "https://idp.example.com/jwks".into(),
            count: 2,
            first: Some("use is not sig".into()),
        };
        assert_eq!(
            error.to_string(),
            "https://idp.example.com/jwks: no usable key (2 left out; the first: use is not sig)"
        );
        assert!(KeyError::CODES.contains(&error.code()));
    }
}
