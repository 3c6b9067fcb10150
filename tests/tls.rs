//! TLS on the listener: what is served, who may come, and what happens to everybody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

mod support;

#[path = "support/bare.rs"]
mod bare;
#[path = "support/h2.rs"]
mod h2;

#[path = "tls/authority.rs"]
mod authority;
#[path = "tls/client.rs"]
mod client;
#[path = "tls/scene.rs"]
mod scene;

#[path = "tls/client_auth.rs"]
mod client_auth;
#[path = "tls/handshake.rs"]
mod handshake;
#[path = "tls/reload.rs"]
mod reload;
#[path = "tls/serving.rs"]
mod serving;
