//! The T rows (tokens and signatures) and C rows (claims) of the threat catalogue, through the
//! running proxy: every hostile token is sent twice, so that the caches get their say too, and
//! the upstream must not get a byte of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

#[path = "tokens/algorithms.rs"]
mod algorithms;
#[path = "tokens/audiences.rs"]
mod audiences;
#[path = "tokens/bindings.rs"]
mod bindings;
#[path = "tokens/claim_rules.rs"]
mod claim_rules;
#[path = "tokens/claims.rs"]
mod claims;
#[path = "tokens/costs.rs"]
mod costs;
#[path = "tokens/form.rs"]
mod form;
#[path = "tokens/headers.rs"]
mod headers;
#[path = "tokens/issuers.rs"]
mod issuers;
#[path = "tokens/places.rs"]
mod places;
#[path = "tokens/published.rs"]
mod published;
#[path = "tokens/signatures.rs"]
mod signatures;
#[path = "tokens/times.rs"]
mod times;
#[path = "tokens/types.rs"]
mod types;
