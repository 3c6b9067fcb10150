//! `[control]`: the private listener.

use std::ops::RangeInclusive;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::count,
        writer::{Writer, Written},
    },
    listener::settings::ListenAddress,
};

pub(crate) mod key {
    pub(crate) const LISTEN: &str = "listen";
    pub(crate) const DENIALS: &str = "denials";
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSettings {
    /// Where commands are taken: a unix socket, or a TCP address on loopback.
    pub listen: ListenAddress,
    /// How many of the last requests that did not pass are kept; 0: none.
    pub denials: usize,
}

/// A denial with all texts at their bounds.
pub(crate) const DENIAL_BYTES: usize = 6 * 1024;
/// Some minutes of refusals on a usual day; 6 MiB with all texts at their bounds, usually below
/// 2 MiB.
pub(crate) const DEFAULT_DENIALS: usize = 1_000;
/// What `GET /denials` answers is made in memory, on the thread that refreshes keys.
const DENIALS: RangeInclusive<usize> = 0..=10_000;

impl ControlSettings {
    /// `None`: there is no such section, and no listener.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let listen = section.required(key::LISTEN, EXPECTED, control_address);
        let denials = section.or(key::DENIALS, DEFAULT_DENIALS, count(DENIALS));
        Some(Self { listen: listen?, denials })
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default().text(key::LISTEN, &self.listen);
        writer.count(key::DENIALS, self.denials).table()
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
