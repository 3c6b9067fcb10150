//! `[admin]`: the operator's listener.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::{
    config::{
        reader::Section,
        writer::{Writer, Written},
    },
    listener::settings::{ListenAddress, listen_address},
};

pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
}

/// `[admin]`
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Where `/livez`, `/readyz`, `/metrics`, `/keys` and `/config` are served.
    pub listen: ListenAddress,
}

/// Loopback: the pages are for the operator only, unless configured otherwise.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

impl AdminSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let listen = ListenAddress::Tcp(DEFAULT_LISTEN);
        Self { listen: section.or(key::LISTEN, listen, listen_address) }
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default().text(key::LISTEN, &self.listen).table()
    }
}
