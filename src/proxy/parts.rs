//! What the proxy of one configuration is made from, besides its engine.

use crate::{
    policy::ids::PerUpstream,
    proxy::{settings::LimitSettings, upstream::settings::UpstreamSettings},
};

/// The parts of a configuration that a [`ProxyConfig`](super::ProxyConfig) is made from.
#[derive(Debug)]
pub struct ProxyParts<'s> {
    /// What one client, or all of them, may take.
    pub limits: &'s LimitSettings,
    /// The services behind the proxy.
    pub upstreams: &'s PerUpstream<UpstreamSettings>,
    /// Whether every request is logged.
    pub access_log: bool,
}
