//! Why there is no token.

use crate::{
    fetch::FetchError,
    lookup::{LookupFailure, NotSent, speaks_of_endpoint},
    oauth_client::ClientError,
};

/// A failed token request. The text names the place, what was found there and what was expected; it
/// never contains a token, nor a text of the provider's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum GrantError {
    /// No complete answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// We can't prove who we are.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A complete answer of another status than 200.
    #[error("{place}: status {status} ({code}), expected 200")]
    Status { place: String, status: u16, code: &'static str },
    /// The endpoint refuses *us*: the client's credentials are wrong, or it may not do this.
    #[error("{place}: status {status} ({code}): the endpoint does not accept this proxy as client")]
    Refused { place: String, status: u16, code: &'static str },
    /// Not the kind of answer that was expected.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// The actor's token can't be read from its file.
    #[error("the token of the actor can't be read from its file")]
    Actor,
    /// It was not sent because of others.
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

impl GrantError {
    /// Every code besides those of [`FetchError`] and [`NotSent`], for metrics that exist before
    /// the first failure.
    pub(super) const CODES: &'static [&'static str] =
        &["credentials_refused", "malformed", "secret"];

    /// Whether an immediate retry may help: the exchange itself failed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(error) | Self::Client(ClientError::Fetch(error)) => {
                matches!(error, FetchError::Connect { .. } | FetchError::Interrupted { .. })
            }
            _ => false,
        }
    }
}

impl LookupFailure for GrantError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Client(error) => error.code(),
            Self::Status { .. } => "status",
            Self::Refused { .. } => "credentials_refused",
            Self::Malformed { .. } => "malformed",
            Self::Actor => "secret",
            Self::NotSent(cause) => cause.code(),
        }
    }

    /// What a caller's token alone may have brought about counts if a token was granted for it
    /// before: one caller must not be able to stop the exchange for all others.
    fn is_outage(&self, of_known: bool) -> bool {
        match self {
            Self::Fetch(error) => error.is_outage(),
            Self::Client(_) | Self::Refused { .. } | Self::Actor => true,
            Self::Status { status, .. } => of_known || speaks_of_endpoint(*status),
            Self::Malformed { .. } => of_known,
            Self::NotSent(_) => false,
        }
    }

    fn is_consequence(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }
}
