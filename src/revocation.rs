//! Revocation without asking anybody: which verified tokens are refused all the same.
//!
//! Two things are looked at. The *list* is a file or a URL of the operator's, read again and again
//! by one task and replaced as a whole. The *logouts* are those that issuers told over the back
//! channel, to this replica or to another one that shares with it; they belong to the process, not
//! to a configuration. Whatever changes either counts up
//! one generation, by which workers notice that what they have cached must be looked up again.

mod denylist;
mod document;
mod error;
mod list;
mod logouts;
mod metrics;
mod revocations;
mod shared_logouts;
mod source;
mod watcher;

pub use denylist::{Denylist, RevokedBy, TokenFacts};
pub use document::DocumentError;
pub use error::ListError;
pub use logouts::{LoggedOut, Logout, LogoutRefusal};
pub(crate) use metrics::Metrics;
pub use revocations::{Revocations, Unavailable};
pub use source::probe;

pub mod settings;
#[cfg(test)]
mod tests;
