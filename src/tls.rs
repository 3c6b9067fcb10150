//! TLS on both sides: certificates, keys and authorities as their files hold them, the handshake
//! with who connects to us (`server`) and with those we connect to (`client`).

pub(crate) mod client;
mod files;
mod renewal;
mod server;
pub mod settings;

pub use client::ClientTlsError;
pub(crate) use renewal::keep_renewed;
pub(crate) use server::ALPN_HTTP2;
pub use server::{ServerTls, TlsError, TlsFileError, TlsFiles};
