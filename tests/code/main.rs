//! Tests of the code and the documents, without a proxy: what the sources, the documentation and
//! the deployment files say of each other, public test vectors, and generated input for every
//! parser.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy sees only functions marked as tests as tests"
)]

#[path = "../support/collections.rs"]
mod collections;
#[path = "../support/published.rs"]
mod published;

mod catalogue;
mod command_line;
mod debian;
mod deploy;
mod documentation;
mod fuzzing;
mod helm_chart;
mod metrics;
mod monitoring;
mod names;
mod release;
mod rooms;
mod sources;
mod vectors;
