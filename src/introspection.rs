//! Introspection of tokens by their issuer (RFC 7662, RFC 9701, GenAuth's `validate_token`).
//!
//! Requests ask an [`Introspector`] and get what the issuer said of the token, never a verdict of
//! ours: rules and policy are for the `token` room to evaluate, on what is cached too. A miss is a
//! lookup at the issuer's endpoint, as the `lookup` room sends it.

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
pub use probe::probe;
pub use recheck::Recheck;
pub use store::IntrospectionStore;
