//! Upstreams that are the proxy's own listener (threats F-15): each request would come back.
//! What only a name or another proxy leads to is detected by its first request.

use std::net::{IpAddr, SocketAddr};

use super::{
    super::whole::{Settings, key},
    setting_of,
};
use crate::{
    config::{reader::Section, urls::is_loopback},
    listener::settings::ListenAddress,
    proxy::settings::listeners::{ListenerSettings, key as of_listener},
    upstream::settings::{UpstreamAddress, key as of_upstream},
};

/// Reports every upstream that is a listener.
pub(super) fn looping_upstreams(settings: &Settings, root: &Section<'_>) {
    for upstream in &settings.upstreams {
        let mut listeners = settings.listeners.iter().enumerate();
        let leads_to_it = |(_, own): &(usize, &ListenerSettings)| {
            upstream.addresses().any(|address| leads_to(address, &own.listen))
        };
        if let Some((position, own)) = listeners.find(leads_to_it) {
            let listen = &own.listen;
            let setting = match settings.server.listen.as_ref() {
                Some(of_server) if of_server == listen => "server.listen",
                _ => "a listener",
            };
            let node = root.peek(key::UPSTREAMS).and_then(|all| all.member(&upstream.name));
            let has_one = node.is_some_and(|upstream| upstream.member(of_upstream::URL).is_some());
            let name = if has_one { of_upstream::URL } else { of_upstream::URLS };
            root.contradiction(
                [key::UPSTREAMS, &upstream.name, name].join("."),
                &setting_of(settings, position, of_listener::LISTEN),
                format!("is this proxy itself ({setting} is {listen}): a loop"),
            );
        }
    }
}

fn leads_to(upstream: &UpstreamAddress, listen: &ListenAddress) -> bool {
    match (upstream, listen) {
        (UpstreamAddress::Unix(path), ListenAddress::Unix(listen)) => path == listen,
        (upstream, ListenAddress::Tcp(listen)) => {
            host_at_port(upstream, listen.port()).is_some_and(|host| host_leads_to(host, listen))
        }
        _ => false,
    }
}

/// The host of an upstream with that port.
pub(in crate::settings) fn host_at_port(upstream: &UpstreamAddress, port: u16) -> Option<&str> {
    let (UpstreamAddress::Http(authority)
    | UpstreamAddress::H2c(authority)
    | UpstreamAddress::Https(authority)) = upstream
    else {
        return None;
    };
    let (host, found) = authority.rsplit_once(':')?;
    (found.parse() == Ok(port)).then_some(host)
}

fn host_leads_to(host: &str, listen: &SocketAddr) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let Ok(address) = literal.map(|address| address.to_canonical()) else {
        return is_loopback(host) && takes_loopback(listen.ip());
    };
    match listen.ip() {
        // Linux connects to this machine for `0.0.0.0` and `::`.
        own if address.is_unspecified() => takes_loopback(own),
        own if own.is_unspecified() => address.is_loopback() && is_taken_by(address, own),
        own => address == own.to_canonical(),
    }
}

fn takes_loopback(listen: IpAddr) -> bool {
    listen.is_loopback() || listen.is_unspecified()
}

/// `::` takes IPv4, too.
fn is_taken_by(address: IpAddr, unspecified: IpAddr) -> bool {
    unspecified.is_ipv6() || address.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_loop(upstream: &str, listen: &str) -> bool {
        let upstream = UpstreamAddress::Http(upstream.to_owned());
        leads_to(&upstream, &ListenAddress::Tcp(listen.parse().unwrap()))
    }

    #[test]
    fn f15_every_way_to_write_this_listener_is_found() {
        for (upstream, listen) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:80", "127.0.0.1:80"),
            ("localhost:80", "[::1]:80"),
            ("app.localhost:80", "0.0.0.0:80"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("127.9.9.9:80", "0.0.0.0:80"),
            ("[::1]:80", "[::]:80"),
            ("127.0.0.1:80", "[::]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert!(is_loop(upstream, listen), "{upstream} {listen}");
        }
    }

    #[test]
    fn f15_what_may_be_another_listener_is_not_refused() {
        for (upstream, listen) in [
            ("127.0.0.1:81", "127.0.0.1:80"),
            ("127.0.0.2:80", "127.0.0.1:80"),
            ("127.0.0.1:80", "192.0.2.1:80"),
            ("localhost:80", "192.0.2.1:80"),
            ("[::1]:80", "0.0.0.0:80"),
            ("192.0.2.1:80", "0.0.0.0:80"),
            ("app:80", "0.0.0.0:80"),
            ("127.0.0.1:80", "127.0.0.1:0"),
        ] {
            assert!(!is_loop(upstream, listen), "{upstream} {listen}");
        }
    }
}
