//! Why nobody can tell whether a token is active.

use crate::{
    fetch::{FetchError, MetadataError},
    oauth_client::ClientError,
};

/// One question without an answer that counts. The text names the place, what was found there and
/// what was expected; the token is never in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what their names say; the text tells the rest")]
pub enum IntrospectionError {
    /// No complete answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The endpoint was not found.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A complete answer of another status than 200.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16 },
    /// The endpoint refuses *us*: the client's credentials are wrong, or it may not ask.
    #[error("{place}: status {status}: the endpoint does not accept this proxy's credentials")]
    Refused { place: String, status: u16 },
    /// Not the kind of answer that was expected (threats I-1).
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// A secret or key file that can't be used.
    #[error("{place}: {cause}")]
    Secret { place: String, cause: String },
    /// The endpoint failed several times in a row and is left alone for a while.
    #[error("the endpoint is left alone after several failures in a row")]
    Resting,
    /// Too many questions wait already.
    #[error("too many questions wait already")]
    Busy,
}

impl IntrospectionError {
    /// Every [`Self::code`], for metrics that exist before the first failure.
    pub const CODES: &'static [&'static str] = &[
        "authorities",
        "busy",
        "connect",
        "credentials_refused",
        "encoded",
        "internal",
        "interrupted",
        "malformed",
        "metadata",
        "redirect",
        "resting",
        "secret",
        "status",
        "timeout",
        "tls",
        "too_large",
    ];

    /// A stable word out of a closed set: metric label and log field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) | Self::Metadata(MetadataError::Fetch(error)) => error.code(),
            Self::Metadata(_) => "metadata",
            Self::Status { .. } => "status",
            Self::Refused { .. } => "credentials_refused",
            Self::Malformed { .. } => "malformed",
            Self::Secret { .. } => "secret",
            Self::Resting => "resting",
            Self::Busy => "busy",
        }
    }

    /// Whether asking once more at once may help: the exchange itself failed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(error) => {
                matches!(error, FetchError::Connect { .. } | FetchError::Interrupted { .. })
            }
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}

impl From<ClientError> for IntrospectionError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Fetch(error) => Self::Fetch(error),
            ClientError::Status { place, status } => Self::Status { place, status },
            ClientError::Refused { place, status } => Self::Refused { place, status },
            ClientError::Malformed { place, cause } => Self::Malformed { place, cause },
            ClientError::Secret { place, cause } => Self::Secret { place, cause },
        }
    }
}
