//! Key sets: the lock-free store, where keys come from, and the refresher that keeps them fresh.
//!
//! Requests read, one task per issuer writes. A worker reads [`LiveKeySet`] without waiting for a
//! lock or a socket, unless a token names an unknown `kid`: then it waits, within bounds, for the
//! refresher's next result. The refresher owns all fetching, so lookups are a single flight by
//! construction, and a waiter that gives up affects no other. A source's content becomes a
//! [`KeySet`] that replaces the old one as a whole.

pub mod error;
pub mod facts;
pub mod key_query;
pub mod key_set;
pub mod live_key_set;
pub mod probe;
pub mod store;

mod metrics;
mod refresh_gate;
mod refresher;
mod skipped_gauges;
mod snapshot;
mod source;
mod unknown_kids;

pub use error::KeyError;
pub use facts::{FailureFacts, IssuerStatus, KeyFacts, SkippedFacts};
pub use key_query::KeyQuery;
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
