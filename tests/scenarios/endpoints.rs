//! Upstreams with several endpoints: which of them gets a request, and what happens when one fails.

mod ejection;
mod health;
mod names;
mod retries;
pub(crate) mod scene;
