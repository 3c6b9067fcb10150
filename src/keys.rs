//! Key sets: the lock-free store, where keys come from, and the refresher that keeps them fresh.
//!
//! Requests read, one task per issuer writes. A worker asks [`LiveKeySet`] and never waits for a
//! lock or a socket, unless a token names a `kid` that nobody has seen: then it waits, within
//! bounds, for the refresher's next answer. The refresher owns all fetching, so that there is
//! a single flight by construction and no waiter can take an answer away from another by giving
//! up. What a source says is turned into a [`KeySet`] that replaces the old one as a whole.

pub mod error;
pub mod facts;
pub mod key_set;
pub mod live_key_set;
pub mod probe;
pub mod store;

mod metrics;
mod refresh_gate;
mod refresher;
mod snapshot;
mod source;
mod unknown_kids;

pub use error::KeyError;
pub use facts::{FailureFacts, IssuerStatus, KeyFacts, SkippedFacts};
pub use key_set::{KeyLookup, KeySet};
pub use live_key_set::LiveKeySet;
pub(crate) use metrics::Metrics;
pub use probe::probe;
pub use refresh_gate::KeyWait;
pub use store::KeyStore;

pub mod private_key;
pub mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
