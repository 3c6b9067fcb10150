//! Introspection of tokens by their issuer (RFC 7662, RFC 9701, GenAuth's `validate_token`).
//!
//! An [`Introspector`] returns the issuer's response about a token, cached or looked up, never a
//! verdict: the `token` room evaluates rules and policy, on cached responses too. A miss is a
//! lookup at the issuer's endpoint, through the `lookup` room.

pub mod answer;
mod endpoint;
mod error;
mod health;
mod introspector;
mod memory;
mod metrics;
pub mod probe;
mod recheck;
pub mod settings;
mod shared_answers;
mod signed_answer;
pub mod store;
mod token_lookup;

pub use error::IntrospectionError;
pub use introspector::Introspector;
pub use memory::{ActiveToken, Statement};
pub(crate) use metrics::Metrics;
pub use probe::{probe, probe_token};
pub use recheck::Recheck;
pub use store::IntrospectionStore;

#[cfg(test)]
mod tests;
