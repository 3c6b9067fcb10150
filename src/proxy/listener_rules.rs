//! A listener as a configuration has it, compiled.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::bound_listener::ConnectionCaps;
use crate::{
    identity::forwarded::settings::TrustedProxy,
    proxy::settings::{ListenerSettings, ProxyProtocolSettings},
    tls::{ServerTls, TlsError},
};

/// What a listener's connections are served by. A reload replaces it.
#[derive(Debug)]
pub struct ListenerRules {
    pub(super) name: String,
    /// `None`: plain HTTP.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// `None`: connections begin with HTTP or TLS.
    pub(super) proxy_protocol: Option<ProxyPeers>,
    pub(super) caps: ConnectionCaps,
}

/// The load balancers whose connections begin with a PROXY header.
#[derive(Debug)]
pub(super) struct ProxyPeers {
    networks: Vec<IpNet>,
    has_unix: bool,
}

impl ListenerRules {
    /// Reads the files of its TLS. `earlier` is that of the listener as it was before, which goes
    /// on if nothing has changed.
    ///
    /// # Errors
    /// They have changed since the settings were loaded.
    pub fn load(
        settings: &ListenerSettings,
        earlier: Option<&Arc<ServerTls>>,
    ) -> Result<Arc<Self>, TlsError> {
        let tls = settings.tls.as_ref();
        let tls = tls.map(|settings| ServerTls::load(settings, earlier)).transpose()?;
        let accepts = &settings.accepts;
        let caps = ConnectionCaps {
            all: accepts.max_connections,
            per_address: accepts.max_connections_per_address,
        };
        Ok(Arc::new(Self {
            name: settings.name.clone(),
            tls,
            proxy_protocol: accepts.proxy_protocol.as_ref().map(ProxyPeers::new),
            caps,
        }))
    }
}

impl ProxyPeers {
    fn new(settings: &ProxyProtocolSettings) -> Self {
        let networks = settings.from.iter().filter_map(|proxy| match proxy {
            TrustedProxy::Network(network) => Some(*network),
            TrustedProxy::Unix => None,
        });
        Self { networks: networks.collect(), has_unix: settings.from.contains(&TrustedProxy::Unix) }
    }

    /// Whether the peer is one of them; `None`: a peer of a unix socket.
    pub(super) fn contains(&self, peer: Option<IpAddr>) -> bool {
        match peer.map(|peer| peer.to_canonical()) {
            None => self.has_unix,
            Some(peer) => self.networks.iter().any(|network| network.contains(&peer)),
        }
    }
}
