//! Certificates and keys for TLS: what their files hold.

pub mod settings;
