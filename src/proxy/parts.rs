//! The parts of a configuration that the proxy is built from, besides its engine.

use std::{path::Path, sync::Arc};

use crate::{
    identity::forwarded::settings::LoopHeader,
    policy::{
        ids::{PerRoute, PerUpstream},
        settings::ExchangeLimits,
    },
    proxy::settings::LimitSettings,
    resolver::settings::ResolverSettings,
    upstream::settings::UpstreamSettings,
};

/// The parts of a configuration that a [`ProxyConfig`](super::ProxyConfig) is built from.
#[derive(Debug)]
pub struct ProxyParts<'s> {
    /// What one client, or all of them, may take.
    pub limits: &'s LimitSettings,
    /// The upstream services.
    pub upstreams: &'s PerUpstream<UpstreamSettings>,
    /// How names are resolved of which every address is an endpoint. `None`: the defaults.
    pub resolver: Option<&'s ResolverSettings>,
    /// What requests of each route may take.
    pub routes: PerRoute<RouteLimitParts>,
    /// Files with certificates towards providers and stores, each with the name of its setting.
    pub trusted_files: Vec<(String, &'s Path)>,
    /// What requests of this process are recognised by.
    pub loop_header: LoopHeader,
}

/// What requests of one route may take.
#[derive(Debug)]
pub struct RouteLimitParts {
    /// What the route is called across reloads.
    pub label: Arc<str>,
    /// What its requests may take.
    pub limits: ExchangeLimits,
}
