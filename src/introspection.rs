//! Asking the issuer about a token (RFC 7662, RFC 9701, GenAuth's `validate_token`).
//!
//! Requests ask an [`Introspector`] and get what the issuer said of the token, never a verdict of
//! ours: rules and policy are for the `token` room to evaluate, on what is remembered too. Of one
//! token one request is in flight at a time, for all workers; it is sent by
//! the issuer's lookup worker, so that a client that goes away takes no response from the others.

pub mod answer;
mod endpoint;
mod error;
mod introspector;
mod lookup_worker;
mod memory;
pub mod probe;
pub mod settings;
mod shared_answers;
mod signed_answer;
pub mod store;

pub use error::IntrospectionError;
pub use introspector::{Introspector, Recheck};
pub use memory::{ActiveToken, Statement};
pub use probe::probe;
pub use store::IntrospectionStore;
