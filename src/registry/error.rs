//! Why a signer was not found.

use crate::{
    fetch::FetchError,
    lookup::{LookupFailure, NotSent, speaks_of_endpoint},
    oauth_client::ClientError,
};

/// Why a lookup returns no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The registry knows no such signer, or no key of theirs that could be used.
    #[error("the registry has no key of the signer")]
    Unknown,
    /// Unknown: the registry is unavailable.
    #[error("the registry is unavailable")]
    Unavailable,
}

/// Why a lookup failed. The text names the place, what was found there and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum SourceError {
    /// The registry responds that there is no such signer.
    #[error("{place}: no such signer")]
    Unknown { place: String },
    /// An answer in which nothing stands where the key should.
    #[error("{place}: found no key")]
    NoKey { place: String },
    /// There is one, and no key of theirs that could be used.
    #[error("{place}: {cause}")]
    NoUsableKey { place: String, cause: String },
    /// No complete answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The registry does not accept our credentials.
    #[error("{place}: status {status}: the registry does not accept this proxy's credentials")]
    Refused { place: String, status: u16 },
    /// A complete answer of an unexpected status.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16 },
    /// Not the kind of answer that was expected.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// We can't prove who we are.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It was not sent because of others.
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

impl SourceError {
    /// Every code besides those of [`FetchError`] and [`NotSent`], for metrics that exist before
    /// the first failure.
    pub(super) const CODES: &'static [&'static str] =
        &["credentials_refused", "malformed", "no_usable_key", "secret", "unknown"];

    /// Whether this is the registry's own response: there is certainly no key. A response without
    /// any sign of a key may be an unrelated page; it removes no key from a signer who has one
    /// (`is_known`).
    pub(super) fn is_answer(&self, is_known: bool) -> bool {
        match self {
            Self::Unknown { .. } | Self::NoUsableKey { .. } => true,
            Self::NoKey { .. } => !is_known,
            _ => false,
        }
    }
}

impl LookupFailure for SourceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown",
            Self::NoKey { .. } | Self::NoUsableKey { .. } => "no_usable_key",
            Self::Fetch(error) => error.code(),
            Self::Refused { .. } => "credentials_refused",
            Self::Status { .. } => "status",
            Self::Malformed { .. } => "malformed",
            Self::Client(error) => error.code(),
            Self::NotSent(cause) => cause.code(),
        }
    }

    /// What a name alone may have brought about counts if the registry has known that name: a
    /// client that invents names must not be able to stop the lookup of all others.
    fn is_outage(&self, of_known: bool) -> bool {
        match self {
            Self::Fetch(FetchError::Status { status, .. }) => {
                of_known || speaks_of_endpoint(*status)
            }
            Self::Fetch(error) => error.is_outage(),
            Self::Client(_) => true,
            Self::Refused { .. } => of_known,
            Self::Status { status, .. } => {
                speaks_of_endpoint(*status) || (of_known && *status >= 500)
            }
            Self::Unknown { .. }
            | Self::NoKey { .. }
            | Self::NoUsableKey { .. }
            | Self::Malformed { .. }
            | Self::NotSent(_) => false,
        }
    }

    fn is_consequence(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }
}
