//! The failure of a lookup, and what it means for the endpoint's health.

use std::fmt::Display;

/// Why there is no response.
pub(crate) trait LookupFailure: Display + From<NotSent> + Send {
    /// A stable code out of a closed set: metric label and log field.
    fn code(&self) -> &'static str;

    /// Whether it speaks of the endpoint, and not only of one of its answers. `of_known`: see
    /// [`Lookup::is_known`](super::Lookup::is_known).
    fn is_outage(&self, of_known: bool) -> bool;

    /// Whether the request was not sent because of others before it.
    fn is_consequence(&self) -> bool;
}

/// A queued request that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The endpoint failed several times in a row: the circuit is open.
    #[error("the endpoint is left alone after several failures in a row")]
    CircuitOpen,
    /// Others took so long that it waited in the queue for longer than a request may take.
    #[error("too many lookups wait already")]
    Busy,
}

impl NotSent {
    /// Every [`Self::code`].
    pub const CODES: &'static [&'static str] = &["busy", "resting"];

    /// A stable code out of a closed set: metric label and log field.
    pub fn code(self) -> &'static str {
        match self {
            Self::CircuitOpen => "resting",
            Self::Busy => "busy",
        }
    }
}
