//! Which connections a listener takes: of load balancers only, and how many.

use crate::{
    config::{reader::Section, values::count, writer::Writer},
    identity::forwarded::settings::TrustedProxy,
    listener::settings::ListenAddress,
};

use super::ProxyProtocolSettings;

pub(crate) mod key {
    pub(crate) const PROXY_PROTOCOL: &str = "proxy_protocol";
    pub(crate) const MAX_CONNECTIONS: &str = "max_connections";
    pub(crate) const MAX_CONNECTIONS_PER_ADDRESS: &str = "max_connections_per_address";
}

/// What `[server]` and an element of `[[listeners]]` say of the connections to it.
#[derive(Debug, Clone, Default)]
pub struct AcceptSettings {
    /// `None`: connections begin with HTTP or TLS.
    pub proxy_protocol: Option<ProxyProtocolSettings>,
    /// Open connections, all workers together. `None`: as many as `server.limits.connections`.
    pub max_connections: Option<usize>,
    /// Of these, the ones from one client address. `None`: all of them.
    pub max_connections_per_address: Option<usize>,
}

/// As `server.limits.connections`.
const MAX_CONNECTIONS: usize = 1_000_000;

impl AcceptSettings {
    /// `listen`: where it listens, unless that is a mistake.
    pub(super) fn read(section: &mut Section<'_>, listen: Option<&ListenAddress>) -> Self {
        let connections = || count(1..=MAX_CONNECTIONS);
        let per_address = key::MAX_CONNECTIONS_PER_ADDRESS;
        let settings = Self {
            proxy_protocol: section.section(key::PROXY_PROTOCOL, ProxyProtocolSettings::read),
            max_connections: section.optional(key::MAX_CONNECTIONS, connections()),
            max_connections_per_address: section.optional(per_address, connections()),
        };
        if let Some(listen) = listen {
            settings.check_peers(listen, section);
        }
        settings
    }

    /// What depends on clients having an address.
    fn check_peers(&self, listen: &ListenAddress, section: &Section<'_>) {
        let is_unix = matches!(listen, ListenAddress::Unix(_));
        let proxies = self.proxy_protocol.as_ref().map(|proxied| &*proxied.from);
        if is_unix && proxies.is_none() && self.max_connections_per_address.is_some() {
            let message = "has no effect: clients of a unix socket have no address".to_owned();
            section.mistake(key::MAX_CONNECTIONS_PER_ADDRESS, message);
        }
        let reaches = |proxy: &TrustedProxy| match listen {
            ListenAddress::Unix(_) => *proxy == TrustedProxy::Unix,
            ListenAddress::Tcp(_) => *proxy != TrustedProxy::Unix,
            ListenAddress::Systemd(_) => true,
        };
        if let Some(proxies) = proxies
            && !proxies.iter().all(reaches)
        {
            let message = if is_unix {
                "a unix socket has peers without addresses; expected from = [\"unix\"]"
            } else {
                "found \"unix\", and the listener is no unix socket"
            };
            section.mistake(key::PROXY_PROTOCOL, message.to_owned());
        }
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let proxy_protocol = self.proxy_protocol.as_ref().map(ProxyProtocolSettings::write);
        let counts = [
            (key::MAX_CONNECTIONS, self.max_connections),
            (key::MAX_CONNECTIONS_PER_ADDRESS, self.max_connections_per_address),
        ];
        let writer = writer.optional_value(key::PROXY_PROTOCOL, proxy_protocol);
        counts.into_iter().fold(writer, |writer, (key, most)| match most {
            Some(most) => writer.count(key, most),
            None => writer,
        })
    }
}
