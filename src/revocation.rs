//! Local revocation: which verified tokens are refused, without a lookup.
//!
//! There are two sources. The *list* is a file or a URL of the operator's, refreshed by one task
//! and replaced as a whole. The *logouts* came from issuers over the back channel, to this replica
//! or to another one that shares with it; they belong to the process, not to a configuration. A
//! change of either increments one generation, by which workers notice that their cached tokens
//! must be checked again.

mod denylist;
mod document;
mod error;
mod list;
mod logouts;
mod metrics;
mod revocations;
mod shared_logouts;
mod source;
mod watched_list;
mod watcher;

pub use denylist::{Denylist, RevokedBy, TokenFacts};
pub use document::DocumentError;
pub use error::ListError;
pub use logouts::{LoggedOut, Logout, LogoutRefusal};
pub(crate) use metrics::{LIST_SOURCE, Metrics};
pub use revocations::{Revocations, Unavailable};
pub use source::probe;

pub mod settings;
#[cfg(test)]
mod tests;
