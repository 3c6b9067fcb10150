//! What the proxy of one configuration is made from, besides its gate.

use crate::{
    policy::{Routes, ids::PerUpstream},
    proxy::{
        answer::settings::DenialSettings, settings::LimitSettings,
        upstream::settings::UpstreamSettings,
    },
    tls::settings::TlsSettings,
    token::cache::settings::CacheSettings,
};

/// The parts of a configuration that an [`Engine`](super::Engine) is made from.
#[derive(Debug)]
pub struct EngineParts<'s> {
    /// What one client, or all of them, may take.
    pub limits: &'s LimitSettings,
    /// TLS with clients. `None`: plain HTTP.
    pub tls: Option<&'s TlsSettings>,
    /// The services behind the proxy.
    pub upstreams: &'s PerUpstream<UpstreamSettings>,
    /// The verified-token cache of each worker.
    pub cache: &'s CacheSettings,
    /// How refusals look.
    pub denials: &'s DenialSettings,
    /// The routes: each may name the profile of its refusals.
    pub routes: &'s Routes,
    /// Whether every request is logged.
    pub access_log: bool,
}
