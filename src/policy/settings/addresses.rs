//! `addresses` of a route: from where it may be used.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::{
    reader::Section,
    values::network,
    writer::{Writer, Written},
};

pub(crate) mod key {
    pub(crate) const ALLOW: &str = "allow";
    pub(crate) const DENY: &str = "deny";
}

/// Which addresses of clients a route takes. Without any network it takes all of them, and clients
/// without an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSettings {
    /// Those that pass; empty: all.
    pub allow: Vec<IpNet>,
    /// Those that do not, whatever `allow` says.
    pub deny: Vec<IpNet>,
}

/// Each is compared with the address of every request.
const MAX_NETWORKS: usize = 256;

impl AddressSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let expected = "a list of networks such as [\"10.0.0.0/8\"]";
        let mut list = |name| {
            let networks = network("a network such as \"10.0.0.0/8\", or an address");
            let listed = section.list(name, expected, networks).unwrap_or_default();
            if listed.len() > MAX_NETWORKS {
                section.mistake(name, format!("expected at most {MAX_NETWORKS} networks"));
            }
            listed
        };
        let settings = Self { allow: list(key::ALLOW), deny: list(key::DENY) };
        let is_empty = section.peek(key::ALLOW).or_else(|| section.peek(key::DENY)).is_none();
        if section.is_present() && is_empty {
            section.own_mistake("has no effect; expected allow or deny".to_owned());
        }
        settings
    }

    pub(super) fn write(&self) -> Option<Written> {
        self.is_set().then(|| {
            Writer::default().list(key::ALLOW, &self.allow).list(key::DENY, &self.deny).table()
        })
    }

    /// Whether anything depends on the address.
    pub fn is_set(&self) -> bool {
        !(self.allow.is_empty() && self.deny.is_empty())
    }

    /// Whether a client of that address passes. An IPv4 address is never one of a network of
    /// IPv6, so that it has to be in its canonical form.
    pub fn permit(&self, address: IpAddr) -> bool {
        let is_in = |networks: &[IpNet]| networks.iter().any(|net| net.contains(&address));
        !is_in(&self.deny) && (self.allow.is_empty() || is_in(&self.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(allow: &[&str], deny: &[&str], address: &str) -> bool {
        let networks = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect();
        let settings = AddressSettings { allow: networks(allow), deny: networks(deny) };
        settings.permit(address.parse().unwrap())
    }

    #[test]
    fn what_is_denied_is_denied_and_what_is_not_allowed_as_well() {
        let allow = &["10.0.0.0/8", "fd00::/8"];
        assert!(permits(allow, &[], "10.1.2.3"));
        assert!(permits(allow, &[], "fd00::1"));
        assert!(!permits(allow, &[], "192.0.2.1"));
        assert!(!permits(allow, &[], "2001:db8::1"));
        assert!(!permits(allow, &["10.1.0.0/16"], "10.1.2.3"));
        assert!(permits(allow, &["10.1.0.0/16"], "10.2.2.3"));
        assert!(permits(&[], &["10.1.0.0/16"], "192.0.2.1"));
        assert!(!permits(&[], &["0.0.0.0/0"], "192.0.2.1"));
        assert!(permits(&[], &["0.0.0.0/0"], "2001:db8::1"), "the other family");
    }
}
