//! Scenarios over sockets: a proxy in this process, between clients and an upstream that record
//! what they receive, and scripted identity providers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod access_log;
mod assertion;
mod checks;
mod config;
mod cors;
mod denials;
mod egress;
mod endpoints;
mod fixed_headers;
mod gateway;
mod guests;
mod header_texts;
mod headers;
mod identity_headers;
mod introspection;
mod key_sets;
mod last_denials;
mod limits;
mod listeners;
mod live_explanations;
mod memory;
mod metrics;
mod paths;
mod protocol;
mod readiness;
mod registry;
mod reload;
mod request_ids;
mod resources;
mod revocation;
mod routes;
mod signatures;
mod systems;
mod tls;
mod tokens;
mod upstream_credentials;
mod upstream_tls;
