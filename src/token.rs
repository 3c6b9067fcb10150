//! From the bytes of a request's credential to a [`VerifiedToken`].

mod bounded;
pub mod cache;
pub mod credential;
mod doorkeeper;
mod durations;
mod issuer;
pub mod jwt;
pub mod verifier;

pub use cache::TokenCache;
pub use credential::{Credential, CredentialSources};
pub use jwt::{JwtCandidate, Observer};
pub use verifier::{Rejection, TokenVerifier, VerifiedToken};
