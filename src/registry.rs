//! Registries: signers and their keys, looked up one by one where their list is kept.
//!
//! A request finds a cached signer in memory. A miss is a lookup at the registry, as the `lookup`
//! room sends it. Cached entries are bounded, refreshed in the background, and outlive an
//! unreachable registry for a while.

pub mod document;
mod entries;
mod error;
mod health;
mod key_text;
mod lookups;
mod metrics;
mod origin;
mod registered;
pub mod settings;
mod signer_lookup;
mod snapshot;
mod snapshot_writer;
mod source;

pub(crate) use self::metrics::Metrics;
pub use self::{
    error::{LookupError, SourceError},
    lookups::Registry,
    registered::{Registered, Unapproved},
    source::probe,
};
