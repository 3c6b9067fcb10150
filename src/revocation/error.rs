//! Why the list could not be had.

use std::time::Duration;

use crate::{fetch::FetchError, refresh::FileError};

use super::DocumentError;

/// One failed attempt to read the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names and error texts are self-explanatory")]
pub enum ListError {
    /// It was not there, not in time, or too large.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file can't be read.
    #[error("{place}: {cause}")]
    File { place: String, cause: String },
    /// It is no list.
    #[error("{place}: {cause}")]
    Malformed { place: String, cause: DocumentError },
}

impl From<FileError> for ListError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Limit { place, limit } => FetchError::of_file(place, limit).into(),
            FileError::Unreadable { place, cause } => Self::File { place, cause },
        }
    }
}

impl ListError {
    /// Every [`Self::code`] besides [`FetchError::CODES`], for metrics that exist before the first
    /// failure.
    pub const CODES: &'static [&'static str] = &["file", "malformed"];

    /// A stable code out of a closed set: metric label, log field.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::File { .. } => "file",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// The source's `Retry-After`.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            Self::File { .. } | Self::Malformed { .. } => None,
        }
    }
}
