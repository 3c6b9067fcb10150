//! TLS on both sides: certificates, keys and authorities as their files hold them, the handshake
//! with who connects to us (`server`) and with those we connect to (`client`).

pub(crate) mod client;
mod expiry;
mod files;
mod metrics;
mod names;
mod renewal;
mod server;
pub mod settings;
mod upstream;

pub use client::ClientTlsError;
pub(crate) use expiry::{FileEnding, TlsInUse, file_endings, watch_expiry};
pub use files::Authorities;
pub(crate) use metrics::Metrics;
pub(crate) use renewal::keep_renewed;
pub use server::{ServerTls, TlsError, TlsFileError, TlsFiles};
#[cfg(test)]
pub(crate) use upstream::testing as upstream_testing;
pub(crate) use upstream::{HandshakeFailure, is_http2, keep_upstreams_renewed};
pub use upstream::{UpstreamTls, UpstreamTlsError};
