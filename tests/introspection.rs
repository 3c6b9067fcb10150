//! The I rows of the threat catalogue through the running proxy: what an issuer is asked about
//! tokens, what its answers are worth, and what happens when there are none.

#![expect(clippy::needless_pass_by_value, reason = "helpers take what `json!` makes")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

mod support;

#[path = "tls/authority.rs"]
#[allow(dead_code, reason = "some of it is for other tests")]
mod authority;

#[path = "introspection/answers.rs"]
mod answers;
#[path = "introspection/caching.rs"]
mod caching;
#[path = "introspection/clients.rs"]
mod clients;
#[path = "introspection/crowds.rs"]
mod crowds;
#[path = "introspection/hybrid.rs"]
mod hybrid;
#[path = "introspection/outage.rs"]
mod outage;
#[path = "introspection/questions.rs"]
mod questions;
#[path = "introspection/routing.rs"]
mod routing;
#[path = "introspection/rules.rs"]
mod rules;
#[path = "introspection/scene.rs"]
mod scene;
#[path = "introspection/signed.rs"]
mod signed;
