//! Upstreams that may be the proxy itself. Unlike `across::looping_upstreams`, which refuses what
//! is one on every machine, this depends on the machine that the configuration is checked on.

use std::net::{IpAddr, UdpSocket};

use crate::{
    listener::settings::ListenAddress,
    proxy::settings::listeners::{ListenerSettings, key as of_listener},
    settings::{
        Settings,
        across::{host_at_port, setting_of},
        whole::key,
    },
    upstream::settings::key as of_upstream,
};

use super::warning;

impl Settings {
    /// Upstreams with the listener's port at an address of this machine.
    pub(super) fn own_address_warnings(&self) -> Vec<String> {
        let listeners = self.listeners.iter().enumerate();
        listeners.flat_map(|(at, listener)| self.own_addresses_of(at, listener)).collect()
    }

    fn own_addresses_of(&self, at: usize, listener: &ListenerSettings) -> Vec<String> {
        let ListenAddress::Tcp(listen) = listener.listen else { return Vec::new() };
        if !listen.ip().is_unspecified() {
            return Vec::new(); // a mistake where it is the same address
        }
        let setting = setting_of(self, at, of_listener::LISTEN);
        let own = self.upstreams.iter().filter(|upstream| {
            let mut hosts =
                upstream.addresses().filter_map(|address| host_at_port(address, listen.port()));
            hosts.any(is_own_address)
        });
        own.map(|upstream| {
            let text = format!(
                "is an address of this machine with the port of {setting} ({listen}); a loop, \
                 if that is this proxy"
            );
            warning(&[key::UPSTREAMS, &upstream.name, of_upstream::URL], &text)
        })
        .collect()
    }
}

/// Whether the machine has that address: only then can a socket be bound to it. Nothing is sent.
fn is_own_address(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| UdpSocket::bind((address, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_machines_own_or_not() {
        assert!(is_own_address("127.0.0.1"));
        for other in ["192.0.2.1", "[2001:db8::1]", "app.internal", ""] {
            assert!(!is_own_address(other), "{other}");
        }
    }
}
