//! The G rows of the threat catalogue: what services receive in place of the caller's token, that
//! they receive nothing of that token, and what happens while there is nothing to be received.

mod answers;
mod client_credentials;
mod crowds;
mod exchange;
mod files;
mod outage;
mod places;
mod protocols;
mod refusals;
pub(crate) mod scene;
