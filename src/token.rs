//! From the bytes of a request's credential to a [`VerifiedToken`].

pub mod cache;
mod cookies;
pub mod credential;
mod durations;
mod glance;
pub mod issuer;
pub mod jwt;
mod kind;
pub mod logout;
mod metrics;
mod path;
mod request_binding;
mod revoked;
mod statement;
pub mod verifier;

pub use cache::TokenCache;
pub use credential::{
    Credential, CredentialPlaces, CredentialSources, FoundCredential, KeptCredentials,
};
pub use glance::TokenGlance;
pub use jwt::{JwtCandidate, Observer};
pub use logout::{LogoutCause, LogoutFault, RefusedLogout};
pub(crate) use metrics::Metrics;
pub use request_binding::Presented;
pub use verifier::{Rejection, RouteIssuers, TokenVerifier, VerifiedToken};
