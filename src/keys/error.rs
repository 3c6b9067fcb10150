//! Why a key source could not be used.

use std::time::Duration;

use crate::{
    fetch::{FetchError, MetadataError},
    refresh::FileError,
};

/// One failed attempt to get keys. The text names the place (URL or file), what was found there and
/// what was expected; what comes from the server is quoted, escaped and truncated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum KeyError {
    /// The document could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
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
    /// The refresher itself failed; a defect.
    #[error("internal error while refreshing: {cause}")]
    Internal { cause: String },
}

impl From<FileError> for KeyError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Limit { place, limit } => FetchError::of_file(place, limit).into(),
            FileError::Unreadable { place, cause } => Self::File { place, cause },
        }
    }
}

impl KeyError {
    /// Every [`Self::code`] besides [`FetchError::CODES`], for metrics that exist before the first
    /// failure.
    pub const CODES: &'static [&'static str] =
        &["malformed", "no_usable_keys", "issuer_mismatch", "jwks_uri", "file", "short_secret"];

    /// A stable code out of a closed set: metric label, log field, `/keys`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Malformed { .. } => "malformed",
            Self::NoUsableKeys { .. } => "no_usable_keys",
            Self::IssuerMismatch { .. } => "issuer_mismatch",
            Self::JwksUri { .. } => "jwks_uri",
            Self::File { .. } => "file",
            Self::ShortSecret { .. } => "short_secret",
            Self::Internal { .. } => "internal",
        }
    }

    /// The source's `Retry-After` (of a 429 or 503).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => None,
        }
    }
}

impl From<MetadataError> for KeyError {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::Fetch(error) => Self::Fetch(error),
            MetadataError::Malformed { place, cause } => Self::Malformed { place, cause },
            MetadataError::IssuerMismatch { place, found, expected } => {
                Self::IssuerMismatch { place, found, expected }
            }
            MetadataError::Endpoint { place, cause, .. } => Self::JwksUri { place, cause },
        }
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
        let mut codes = KeyError::CODES.iter().chain(FetchError::CODES);
        assert!(codes.any(|code| *code == error.code()), "{}", error.code());
    }
}
