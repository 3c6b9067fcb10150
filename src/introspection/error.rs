//! Why it can't be determined whether a token is active.

use crate::{
    fetch::{FetchError, MetadataError},
    lookup::{LookupFailure, NotSent, speaks_of_endpoint},
    oauth_client::ClientError,
};

/// A failed introspection request. The text names the place, what was found there and what was
/// expected; it never contains the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum IntrospectionError {
    /// No complete answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// We can't prove who we are.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The endpoint was not found.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A complete answer of another status than 200.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16 },
    /// The endpoint refuses *us*: the client's credentials are wrong, or it isn't authorised.
    #[error("{place}: status {status}: the endpoint does not accept this proxy's credentials")]
    Refused { place: String, status: u16 },
    /// Not the kind of answer that was expected (threats I-1).
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// It was not sent because of others.
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

impl IntrospectionError {
    /// Every code besides those of [`FetchError`] and [`NotSent`], for metrics that exist before
    /// the first failure.
    pub(super) const CODES: &'static [&'static str] =
        &["credentials_refused", "malformed", "metadata", "secret"];

    /// Whether the endpoint may have moved. A response about a token or about us is no sign of
    /// that: any invented token would trigger a metadata fetch.
    pub(super) fn may_have_moved(&self) -> bool {
        match self {
            Self::Fetch(_) => true,
            Self::Status { status, .. } => matches!(status, 300..=399 | 404 | 405 | 410),
            _ => false,
        }
    }

    /// Whether an immediate retry may help: the exchange itself failed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(error) | Self::Client(ClientError::Fetch(error)) => {
                matches!(error, FetchError::Connect { .. } | FetchError::Interrupted { .. })
            }
            Self::Status { status, .. } | Self::Client(ClientError::Status { status, .. }) => {
                *status >= 500
            }
            _ => false,
        }
    }
}

impl LookupFailure for IntrospectionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) | Self::Metadata(MetadataError::Fetch(error)) => error.code(),
            Self::Metadata(_) => "metadata",
            Self::Client(error) => error.code(),
            Self::Status { .. } => "status",
            Self::Refused { .. } => "credentials_refused",
            Self::Malformed { .. } => "malformed",
            Self::NotSent(cause) => cause.code(),
        }
    }

    /// What a token alone may have brought about counts if the endpoint has called that token
    /// active: a client that invents tokens must not be able to stop the lookup of others.
    fn is_outage(&self, of_known: bool) -> bool {
        match self {
            Self::Fetch(error) => error.is_outage(),
            Self::Client(_) | Self::Metadata(_) => true,
            Self::Status { status, .. } => of_known || speaks_of_endpoint(*status),
            Self::Refused { .. } | Self::Malformed { .. } => of_known,
            Self::NotSent(_) => false,
        }
    }

    fn is_consequence(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }
}
