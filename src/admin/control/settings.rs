//! `[control]`: the private listener.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        writer::{Writer, Written},
    },
    listener::settings::ListenAddress,
};

pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// Where commands are taken: a unix socket, or a TCP address on loopback.
    pub listen: ListenAddress,
}

impl ControlSettings {
    /// `None`: there is no such section, and no listener.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let listen = section.required(key::LISTEN, EXPECTED, control_address)?;
        Some(Self { listen })
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default().text(key::LISTEN, &self.listen).table()
    }
}

pub(crate) const EXPECTED: &str = "a unix socket such as \"unix:/run/countersign/control.sock\", or an \
                        address on loopback such as \"127.0.0.1:9902\"";

/// There is no password: what reaches the address may reload. A socket of systemd's is where its
/// unit says, which can't be known here.
pub(crate) fn private_address(text: &str) -> Option<ListenAddress> {
    ListenAddress::parse(text).filter(ListenAddress::is_local)
}

pub(crate) fn control_address(node: &Node) -> Parsed<ListenAddress> {
    node.as_text().and_then(private_address).ok_or_else(|| node.mismatch(EXPECTED))
}
