//! Why the proxy could not prove who it is.

use crate::fetch::FetchError;

/// The text names the place, what was found there and what was expected; no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum ClientError {
    /// No complete answer of the token endpoint.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A complete answer of another status than 200.
    #[error("{place}: status {status}, expected 200")]
    Status { place: String, status: u16 },
    /// The token endpoint refuses *us*.
    #[error("{place}: status {status}: the endpoint does not accept this proxy's credentials")]
    Refused { place: String, status: u16 },
    /// Not the kind of answer that was expected.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: String },
    /// A secret or key file that can't be used.
    #[error("{place}: {cause}")]
    Secret { place: String, cause: String },
}

impl ClientError {
    /// Every [`Self::code`] but those of the exchange itself.
    pub const CODES: &'static [&'static str] =
        &["credentials_refused", "malformed", "secret", "status"];

    /// A stable code out of a closed set: metric label and log field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Status { .. } => "status",
            Self::Refused { .. } => "credentials_refused",
            Self::Malformed { .. } => "malformed",
            Self::Secret { .. } => "secret",
        }
    }
}

pub(super) fn malformed(place: &str, cause: &str) -> ClientError {
    ClientError::Malformed { place: place.to_owned(), cause: cause.to_owned() }
}
