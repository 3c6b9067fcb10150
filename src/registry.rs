//! Registries: signers and their keys, looked up one by one where their list is kept.
//!
//! A request finds a cached signer in memory. On a miss it joins the lookup that is in flight, or
//! queues one for the registry's lookup worker, so that a client that goes away takes no response
//! from the others. Cached entries are bounded, refreshed in the background, and outlive an
//! unreachable registry for a while.

pub mod document;
mod entries;
mod error;
mod health;
mod key_text;
mod lookup_worker;
mod lookups;
mod registered;
pub mod settings;
mod snapshot;
mod source;

pub use self::{
    error::{LookupError, SourceError},
    lookups::Registry,
    registered::{Registered, Unapproved},
    source::probe,
};
