//! Asking the issuer about a token (RFC 7662, RFC 9701, GenAuth's `validate_token`).
//!
//! Requests ask an [`Introspector`] and get what the issuer said of the token, never a verdict of
//! ours: rules and policy are for the `token` room to evaluate, on what is remembered too. Of one
//! token there is one question at a time, whoever asks, on whatever worker; the question belongs
//! to the issuer's `desk`, so that a request that goes away takes no answer from the others.

pub mod answer;
mod desk;
mod endpoint;
mod error;
mod introspector;
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
