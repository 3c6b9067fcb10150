//! The I rows of the threat catalogue through the running proxy: what an issuer is asked about
//! tokens, what its answers are worth, and what happens when there are none.

mod answers;
mod caching;
mod clients;
mod crowds;
mod filled;
mod hybrid;
mod outage;
mod questions;
mod resources;
mod routing;
mod rules;
pub(crate) mod scene;
mod signed;
