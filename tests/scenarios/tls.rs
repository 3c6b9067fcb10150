//! TLS on the listener: what is served, who may come, and what happens to other clients.

pub(crate) mod client;
pub(crate) mod scene;

mod client_auth;
mod handshake;
mod reload;
mod serving;
