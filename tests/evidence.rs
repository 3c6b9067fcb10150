//! The journal of signed requests: through the running proxy, through the command line, and after
//! `kill -9`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

#[path = "evidence/command.rs"]
mod command;
#[path = "evidence/crashes.rs"]
mod crashes;
#[path = "evidence/requests.rs"]
mod requests;
