//! `[resolver]`: how the names of upstreams are resolved of which every address counts.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::config::{
    node::Node,
    reader::{Parsed, Section},
    values::{duration, first_duplicate, format_duration, switch},
    writer::{Writer, Written},
};

pub(crate) mod key {
    pub(crate) const SERVERS: &str = "servers";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const MIN_TTL: &str = "min_ttl";
    pub(crate) const MAX_TTL: &str = "max_ttl";
    pub(crate) const ALLOW_LOOPBACK: &str = "allow_loopback";
}

/// `[resolver]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverSettings {
    /// The resolvers. Empty: those of `/etc/resolv.conf`, with its search list.
    pub servers: Vec<SocketAddr>,
    /// How long one query may take.
    pub timeout: Duration,
    /// A name is not resolved again sooner, whatever its records say.
    pub min_ttl: Duration,
    /// A name is resolved again at least so often.
    pub max_ttl: Duration,
    /// Whether names other than `localhost` may have addresses of this machine.
    pub allow_loopback: bool,
}

/// A resolver nearby answers within milliseconds, one that has to look it up itself within two
/// seconds. Requests do not wait for it, but for the first answer.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
/// Services in Kubernetes have times to live of 5 s and 30 s. What changes sooner than every second
/// is an attack, or a fault.
const DEFAULT_MIN_TTL: Duration = Duration::from_secs(1);
/// A record of a day would keep an endpoint that is gone for that long.
const DEFAULT_MAX_TTL: Duration = Duration::from_mins(5);

const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(10);
const TTLS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_hours(1);

/// As many as resolvers commonly heed.
const MAX_SERVERS: usize = 3;
const DNS_PORT: u16 = 53;
const EXPECTED_SERVER: &str = "the address of a resolver, such as \"10.0.0.2\" or \"10.0.0.2:53\"";
const EXPECTED_SERVERS: &str = "a list of one to three addresses, such as [\"10.0.0.2\"]";

impl Default for ResolverSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            min_ttl: DEFAULT_MIN_TTL,
            max_ttl: DEFAULT_MAX_TTL,
            allow_loopback: false,
        }
    }
}

impl ResolverSettings {
    /// `None` without the section: the defaults.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let servers = section.list(key::SERVERS, EXPECTED_SERVERS, server).unwrap_or_default();
        if servers.len() > MAX_SERVERS || first_duplicate(&servers).is_some() {
            let message = format!("found {servers:?}; expected {EXPECTED_SERVERS}, each once");
            section.mistake(key::SERVERS, message);
        }
        let min_ttl = section.or(key::MIN_TTL, DEFAULT_MIN_TTL, duration(TTLS));
        let max_ttl = section.or(key::MAX_TTL, DEFAULT_MAX_TTL, duration(TTLS));
        if min_ttl > max_ttl {
            let message = format!(
                "found {}; expected no more than {} ({})",
                format_duration(min_ttl),
                key::MAX_TTL,
                format_duration(max_ttl)
            );
            section.mistake(key::MIN_TTL, message);
        }
        Some(Self {
            servers,
            timeout: section.or(key::TIMEOUT, DEFAULT_TIMEOUT, duration(TIMEOUTS)),
            min_ttl,
            max_ttl,
            allow_loopback: section.or(key::ALLOW_LOOPBACK, false, switch),
        })
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .list(key::SERVERS, &self.servers)
            .duration(key::TIMEOUT, self.timeout)
            .duration(key::MIN_TTL, self.min_ttl)
            .duration(key::MAX_TTL, self.max_ttl)
            .switch(key::ALLOW_LOOPBACK, self.allow_loopback)
            .table()
    }
}

fn server(node: &Node) -> Parsed<SocketAddr> {
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED_SERVER))?;
    let with_port = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    let alone = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT));
    with_port.or_else(alone).ok_or_else(|| node.mismatch(EXPECTED_SERVER))
}
