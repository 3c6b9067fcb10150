//! `proxy_protocol` of a listener: the load balancers whose connections begin with the client's
//! address.

use crate::{
    config::{
        reader::Section,
        writer::{Writer, Written},
    },
    identity::forwarded::settings::{TrustedProxy, trusted_proxy},
};

pub(crate) mod key {
    pub(crate) const FROM: &str = "from";
}

/// The PROXY protocol, versions 1 and 2: required from these peers, and no other may connect.
#[derive(Debug, Clone)]
pub struct ProxyProtocolSettings {
    /// Never empty.
    pub from: Vec<TrustedProxy>,
}

impl ProxyProtocolSettings {
    /// `None` without the section. There is no default for `from`: who may connect could claim any
    /// address (threats N-1).
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        const EXPECTED: &str = "a list of the load balancers' networks such as [\"10.0.0.0/8\"]";
        if !section.is_present() {
            return None;
        }
        if section.peek(key::FROM).is_none() {
            section.mistake(key::FROM, format!("missing; expected {EXPECTED}"));
        }
        let from = section.list(key::FROM, EXPECTED, trusted_proxy)?;
        Some(Self { from })
    }

    pub(super) fn write(&self) -> Written {
        Writer::default().list(key::FROM, &self.from).table()
    }
}
