//! Scenarios with processes beside this one: the program itself, real identity providers, signers
//! and Redis. Here are those of limits and deadlines, too, which the many tests of `scenarios`
//! would keep from the processor.

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

mod answers;
mod behind_a_prefix;
mod check;
mod cli;
mod command_line;
mod compression;
mod demo;
mod differential;
mod documents;
mod draining;
mod egress;
mod evidence;
mod examples;
mod explain;
mod floods;
mod h2spec;
mod hydra;
mod identity_provider;
mod idle_race;
mod independent_signers;
mod invariants;
mod keycloak;
mod limits;
mod listeners;
mod mcp;
mod on_call_drill;
#[cfg(feature = "otel")]
mod otel;
mod parking;
mod path_readers;
mod prometheus;
mod reload;
mod shared;
mod shared_failovers;
mod shared_limits;
mod sharing;
mod shutdown;
mod sidecar;
mod token_exchange;
mod tunnels;
mod under_load;
mod upstream_tls;
