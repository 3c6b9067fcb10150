//! Registries: signers and their keys, looked up one by one at whoever keeps the list of them.
//!
//! A request that knows its signer finds the entry in memory. On a miss it joins the question
//! about the signer that is under way, or puts one to the registry's `desk`, so that a request
//! that goes away takes no answer from the others. What is remembered is bounded, renewed in the
//! background, and outlives an unreachable registry for a while.

mod desk;
pub mod document;
mod entries;
mod error;
mod health;
mod key_text;
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
