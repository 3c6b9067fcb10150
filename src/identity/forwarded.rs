//! `X-Forwarded-*`: ours to set, extended only for trusted proxies (threats H-9).

mod client;
mod origin;
pub mod settings;

use std::{fmt::Write as _, net::IpAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{Entry, FORWARDED},
};
use ipnet::IpNet;

pub use origin::RequestOrigin;

use crate::identity::forwarded::settings::{ForwardingSettings, TrustedProxy};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The compiled rules.
#[derive(Debug)]
pub struct Forwarded {
    trusted: Vec<IpNet>,
    trusts_unix: bool,
    keep: Vec<HeaderName>,
}

/// A peer's address and how it is written, worked out once per connection.
#[derive(Debug, Clone)]
pub struct PeerAddress {
    address: IpAddr,
    text: HeaderValue,
}

impl PeerAddress {
    /// The peer of that address. An IPv4 client of a dual-stack listener is an IPv4 client.
    pub fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let text = HeaderValue::try_from(address.to_string());
        // An address is written in hexadecimal digits, dots and colons.
        Self { address, text: text.unwrap_or(HeaderValue::from_static("unknown")) }
    }

    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }
}

impl Forwarded {
    /// Believes `X-Forwarded-*` of the trusted peers only; the names in `keep` pass from every
    /// peer.
    pub fn new(settings: &ForwardingSettings) -> Self {
        let networks = settings.trusted_proxies.iter().filter_map(|proxy| match proxy {
            TrustedProxy::Network(network) => Some(*network),
            TrustedProxy::Unix => None,
        });
        Self {
            trusted: networks.collect(),
            trusts_unix: settings.trusted_proxies.contains(&TrustedProxy::Unix),
            keep: settings.keep.clone(),
        }
    }

    /// Makes `X-Forwarded-For`, `-Proto` and `-Host` what is believed of a request from `peer`
    /// (`None`: a unix socket, which no address range can vouch for).
    ///
    /// From a trusted peer, `X-Forwarded-For` and a `Forwarded` (RFC 7239) that is there are
    /// extended by the peer, if it has an address, and `-Proto` and `-Host` are believed. From any
    /// other peer, every `X-Forwarded-*` and `Forwarded` is removed, and the [`RequestOrigin`] that is
    /// returned has to be sent with the request instead.
    ///
    /// To be called after [`super::Hygiene`] and before [`super::RenderedHeaders`], which may set
    /// an `X-Forwarded-User` of ours.
    pub fn apply<'r>(
        &self,
        headers: &mut HeaderMap,
        peer: Option<&'r PeerAddress>,
        scheme: &'static str,
        authority: &'r HeaderValue,
    ) -> Option<RequestOrigin<'r>> {
        if self.trusts_peer(peer) {
            extend(headers, peer.map(|peer| peer.address), scheme, authority);
            return None;
        }

        self.remove_inbound(headers);
        Some(RequestOrigin { peer: peer.map(|peer| &peer.text), scheme, authority })
    }

    /// Sets `X-Forwarded-Prefix` to the beginning of the client's path that the upstream does not
    /// receive. What a trusted peer has stripped before stands before it; what any other peer sends
    /// is replaced, `keep` or not.
    ///
    /// To be called after [`Self::apply`].
    pub fn set_prefix(
        &self,
        headers: &mut HeaderMap,
        peer: Option<&PeerAddress>,
        prefix: &HeaderValue,
    ) {
        let mut inbound = headers.get_all(X_FORWARDED_PREFIX).iter();
        let before = match (inbound.next(), inbound.next()) {
            (Some(before), None) if self.trusts_peer(peer) && is_path(before.as_bytes()) => {
                before.as_bytes().strip_suffix(b"/").unwrap_or(before.as_bytes())
            }
            _ => b"",
        };
        let joined = HeaderValue::from_bytes(&[before, prefix.as_bytes()].concat());
        headers.insert(X_FORWARDED_PREFIX, joined.unwrap_or_else(|_| prefix.clone()));
    }

    /// Whether what the peer says of others is believed.
    pub fn trusts_peer(&self, peer: Option<&PeerAddress>) -> bool {
        peer.map_or(self.trusts_unix, |peer| self.trusts(peer.address))
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.contains(&peer))
    }

    fn remove_inbound(&self, headers: &mut HeaderMap) {
        let is_ours = |name: &HeaderName| {
            [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST].contains(name)
        };
        let is_forged = |name: &&HeaderName| {
            (**name == FORWARDED || name.as_str().starts_with("x-forwarded-"))
                && (is_ours(name) || !self.keep.contains(name))
        };
        let forged: Vec<_> = headers.keys().filter(is_forged).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
    }
}

/// Whether a text is one path, and no URL or list of them.
fn is_path(text: &[u8]) -> bool {
    let may_be_there = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~')
    };
    text.starts_with(b"/") && !text.starts_with(b"//") && text.iter().all(may_be_there)
}

fn extend(
    headers: &mut HeaderMap,
    peer: Option<IpAddr>,
    scheme: &'static str,
    authority: &HeaderValue,
) {
    append(headers, X_FORWARDED_FOR, peer.map(|peer| peer.to_string()).as_deref());
    if headers.contains_key(FORWARDED) {
        let element = peer.map(|peer| forwarded_element(peer, scheme, authority));
        append(headers, FORWARDED, element.as_deref());
    }
    believe(headers, X_FORWARDED_PROTO, || HeaderValue::from_static(scheme));
    believe(headers, X_FORWARDED_HOST, || authority.clone());
}

/// Appends an element, if there is one, to a list header, all in one line. What can't be read is
/// left out.
fn append(headers: &mut HeaderMap, name: HeaderName, element: Option<&str>) {
    let mut list = String::new();
    let values = headers.get_all(&name).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    for value in values.chain(element) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(value);
    }
    match HeaderValue::try_from(list) {
        Ok(value) if !value.is_empty() => drop(headers.insert(name, value)),
        _ => drop(headers.remove(name)),
    }
}

/// Leaves a header with one value; sets it if it is missing, empty or has several.
fn believe(headers: &mut HeaderMap, name: HeaderName, ours: impl Fn() -> HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(ours());
        }
        Entry::Occupied(mut entry) => {
            if entry.iter().count() != 1 || entry.get().is_empty() {
                entry.insert(ours());
            }
        }
    }
}

/// RFC 7239 §4 and §6: an IPv6 address is in brackets and quotes. The authority is canonical, so
/// nothing in it can end the quotes.
fn forwarded_element(peer: IpAddr, scheme: &str, authority: &HeaderValue) -> String {
    let mut element = match peer {
        IpAddr::V4(peer) => format!("for={peer}"),
        IpAddr::V6(peer) => format!("for=\"[{peer}]\""),
    };
    let host = authority.to_str().unwrap_or_default();
    // Writing to a String can't fail.
    let _ = write!(element, ";host=\"{host}\";proto={scheme}");
    element
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::forwarded::settings::LoopHeader;

    fn apply(inbound: &[(&'static str, &'static str)], peer: Option<&str>) -> HeaderMap {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        apply_trusting(networks.map(TrustedProxy::Network).to_vec(), inbound, peer)
    }

    fn apply_trusting(
        trusted_proxies: Vec<TrustedProxy>,
        inbound: &[(&'static str, &'static str)],
        peer: Option<&str>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in inbound {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let rules = Forwarded::new(&ForwardingSettings {
            trusted_proxies,
            drop_underscores: true,
            remove: Vec::new(),
            remove_sets: Vec::new(),
            keep: vec![X_FORWARDED_PREFIX, X_FORWARDED_HOST],
            loop_header: LoopHeader::CdnLoop,
            max_header_bytes: 4096,
        });
        let peer = peer.map(|peer| PeerAddress::new(peer.parse().unwrap()));
        let authority = HeaderValue::from_static("api.example.com:8443");
        if let Some(origin) = rules.apply(&mut headers, peer.as_ref(), "https", &authority) {
            let ours = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST];
            assert!(!ours.iter().any(|name| headers.contains_key(name)), "they are sent beside");
            origin.set(&mut headers);
        }
        headers
    }

    const FORGED: [(&str, &str); 9] = [
        ("forwarded", "for=1.1.1.1"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-for", "2.2.2.2"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "internal"),
        ("x-forwarded-uri", "/admin"),
        ("x-forwarded-port", "1"),
        ("x-forwarded-prefix", "/p"),
        ("accept", "*/*"),
    ];

    #[test]
    fn h9_what_a_client_forges_is_replaced() {
        let headers = apply(&FORGED, Some("192.0.2.7"));
        assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "api.example.com:8443");
        assert_eq!(headers["x-forwarded-prefix"], "/p", "kept by setting");
        assert_eq!(headers["accept"], "*/*");
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn h9_a_trusted_proxy_is_believed_and_extended() {
        let headers = apply(&FORGED, Some("10.1.2.3"));
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 10.1.2.3");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "internal");
        assert_eq!(headers["x-forwarded-uri"], "/admin");
        assert_eq!(
            headers["forwarded"],
            r#"for=1.1.1.1, for=10.1.2.3;host="api.example.com:8443";proto=https"#
        );
    }

    #[test]
    fn h9_a_trusted_proxy_that_says_nothing_or_two_things_is_completed() {
        let headers = apply(&[], Some("fd00::1"));
        assert_eq!(headers["x-forwarded-for"], "fd00::1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "api.example.com:8443");
        assert!(!headers.contains_key("forwarded"));

        let two =
            [("x-forwarded-proto", "http"), ("x-forwarded-proto", "https"), ("forwarded", "")];
        let headers = apply(&two, Some("fd00::1"));
        assert_eq!(headers.get_all("x-forwarded-proto").iter().count(), 1);
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(
            headers["forwarded"],
            r#"for="[fd00::1]";host="api.example.com:8443";proto=https"#
        );
    }

    #[test]
    fn h9_a_mapped_address_is_the_address_it_maps() {
        let headers = apply(&FORGED, Some("::ffff:10.1.2.3"));
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 10.1.2.3");
        let headers = apply(&FORGED, Some("::ffff:192.0.2.7"));
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    }

    #[test]
    fn h9_a_unix_socket_is_trusted_where_that_is_said_and_then_no_address_is() {
        let trusting = |inbound: &_, peer| apply_trusting(vec![TrustedProxy::Unix], inbound, peer);
        let headers = trusting(&FORGED, None);
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 2.2.2.2", "in one line, and no more");
        assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "internal");
        assert_eq!(headers["forwarded"], "for=1.1.1.1");
        for silent in [&[][..], &[("x-forwarded-for", ""), ("forwarded", "")]] {
            let headers = trusting(silent, None);
            assert!(!headers.contains_key("x-forwarded-for"), "there is no address to tell");
            assert!(!headers.contains_key("forwarded"));
            assert_eq!(headers["x-forwarded-proto"], "https");
        }
        for peer in ["127.0.0.1", "::1", "10.1.2.3"] {
            let headers = trusting(&FORGED, Some(peer));
            assert_eq!(headers["x-forwarded-for"], peer);
            assert_eq!(headers["x-forwarded-proto"], "https");
        }
    }

    #[test]
    fn h9_a_unix_socket_is_not_trusted_by_default() {
        let headers = apply(&FORGED, None);
        assert!(!headers.contains_key("x-forwarded-for"));
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert!(!headers.contains_key("forwarded"));
    }
}
