//! TLS between the proxy and the upstream: whom it trusts, what is spoken, and what a hostile peer
//! can cost.

pub(crate) mod scene;

mod hostile;
mod protocols;
mod renewal;
mod trust;
mod tunnels;
