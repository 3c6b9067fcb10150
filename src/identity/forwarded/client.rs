//! The address of the client, as far as it is believed.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::{Forwarded, PeerAddress, X_FORWARDED_FOR};

impl Forwarded {
    /// The client's address for a request from `peer` (`None`: a unix socket). `headers` are those
    /// that came.
    ///
    /// `X-Forwarded-For` counts only if the peer is trusted, as for what is forwarded. Each
    /// element was written by who comes after it: the list is read from its end, over the proxies
    /// that are trusted, and the first address that is not one of them is the client's. What
    /// stands before that could be anything. `None`: it is not known, since the list has none, or
    /// something there is no address.
    pub fn client(&self, headers: &HeaderMap, peer: Option<&PeerAddress>) -> Option<IpAddr> {
        let mut known = match peer {
            Some(peer) if !self.trusts(peer.address) => return Some(peer.address),
            Some(peer) => Some(peer.address),
            None if !self.trusts_unix => return None,
            None => None,
        };
        for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for element in value.to_str().ok()?.rsplit(',').map(str::trim) {
                // Empty elements of a list mean nothing (RFC 9110 §5.6.1).
                if element.is_empty() {
                    continue;
                }
                let address = address(element)?;
                if !self.trusts(address) {
                    return Some(address);
                }
                known = Some(address);
            }
        }
        known
    }
}

/// An address, perhaps in brackets or with a port, as proxies write it.
fn address(element: &str) -> Option<IpAddr> {
    let in_brackets = || element.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = element
        .parse()
        .ok()
        .or_else(|| element.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
        .or_else(|| in_brackets().map(IpAddr::V6))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::forwarded::settings::{ForwardingSettings, LoopHeader, TrustedProxy};
    use http::HeaderValue;

    /// The client's address by these header lines, where `10.0.0.0/8` is trusted, and the unix
    /// socket if that is said.
    fn client(unix: bool, lines: &[&'static [u8]], peer: Option<&str>) -> Option<String> {
        let mut trusted_proxies = vec![TrustedProxy::Network("10.0.0.0/8".parse().unwrap())];
        trusted_proxies.extend(unix.then_some(TrustedProxy::Unix));
        let rules = Forwarded::new(&ForwardingSettings {
            trusted_proxies,
            drop_underscores: true,
            remove: Vec::new(),
            remove_sets: Vec::new(),
            keep: Vec::new(),
            loop_header: LoopHeader::CdnLoop,
            max_header_bytes: 4096,
        });
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        let peer = peer.map(|peer| PeerAddress::new(peer.parse().unwrap()));
        rules.client(&headers, peer.as_ref()).map(|address| address.to_string())
    }

    fn behind(lines: &[&'static [u8]]) -> Option<String> {
        client(false, lines, Some("10.0.0.1"))
    }

    #[test]
    fn h9_who_is_not_trusted_is_the_client_whatever_it_says() {
        for said in [&b"10.0.0.7"[..], b"198.51.100.7", b"nonsense", b"\xff"] {
            assert_eq!(client(true, &[said], Some("192.0.2.1")).unwrap(), "192.0.2.1");
            assert_eq!(client(false, &[said], None), None, "a unix socket has no address");
        }
        assert_eq!(client(false, &[], Some("::ffff:192.0.2.1")).unwrap(), "192.0.2.1");
    }

    #[test]
    fn h9_a_trusted_proxy_says_who_came_to_it_and_nothing_before_that_counts() {
        assert_eq!(behind(&[b"198.51.100.7"]).unwrap(), "198.51.100.7");
        assert_eq!(behind(&[b"10.9.9.9, 198.51.100.7"]).unwrap(), "198.51.100.7", "forged");
        assert_eq!(behind(&[b"junk, 198.51.100.7 , 10.0.0.2"]).unwrap(), "198.51.100.7");
        assert_eq!(behind(&[b"10.9.9.9", b"198.51.100.7,10.0.0.2"]).unwrap(), "198.51.100.7");
        assert_eq!(behind(&[b"198.51.100.7, , "]).unwrap(), "198.51.100.7");
        let trusted = "all of them are trusted: the first is the client";
        assert_eq!(behind(&[b"10.9.9.9, 10.0.0.2"]).unwrap(), "10.9.9.9", "{trusted}");
        assert_eq!(behind(&[]).unwrap(), "10.0.0.1", "the proxy itself");
        assert_eq!(client(true, &[b"198.51.100.7, 10.0.0.2"], None).unwrap(), "198.51.100.7");
    }

    #[test]
    fn h9_an_address_may_have_a_port_or_brackets() {
        for said in [&b"2001:db8::1"[..], b"[2001:db8::1]", b"[2001:db8::1]:443"] {
            assert_eq!(behind(&[said]).unwrap(), "2001:db8::1");
        }
        assert_eq!(behind(&[b"198.51.100.7:1234"]).unwrap(), "198.51.100.7");
        assert_eq!(behind(&[b"::ffff:198.51.100.7"]).unwrap(), "198.51.100.7");
    }

    #[test]
    fn h9_what_is_no_address_leaves_the_client_unknown() {
        for said in [
            &b"unknown"[..],
            b"198.51.100.7, unknown, 10.0.0.2",
            b"198.51.100.7, _hidden",
            b"198.51.100.300",
            b"198.51.100.7/32",
            b"[198.51.100.7]",
            b"for=198.51.100.7",
            b"198.51.100.7, \xff",
        ] {
            assert_eq!(behind(&[said]), None, "{}", String::from_utf8_lossy(said));
        }
        assert_eq!(client(true, &[], None), None, "a unix socket without a word");
        assert_eq!(client(true, &[b""], None), None);
    }
}
