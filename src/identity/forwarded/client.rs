//! The client's address: the peer's, or what the trusted proxies before us say.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::{Forwarded, PeerAddress, X_FORWARDED_FOR};

impl Forwarded {
    /// The address of the client of a request from `peer` (`None`: a unix socket), to be read
    /// before [`Self::apply`] changes the headers.
    ///
    /// An untrusted peer is the client itself, whatever it sends. Behind trusted proxies it is the
    /// last address of `X-Forwarded-For` that is not a trusted proxy's: what comes before that, the
    /// client may have invented. An element that is no address ends the search, since its writer
    /// can't be vouched for; then the proxy that it was received by counts. `None`: a trusted unix
    /// socket that names nobody, or an untrusted one.
    pub fn client(&self, headers: &HeaderMap, peer: Option<&PeerAddress>) -> Option<IpAddr> {
        let mut nearest = peer.map(|peer| peer.address);
        if !nearest.map_or(self.trusts_unix, |peer| self.trusts(peer)) {
            return nearest;
        }
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let lines = lines.into_iter().rev().map(|line| line.to_str().unwrap_or_default());
        for element in lines.flat_map(|line| line.rsplit(',')) {
            let Some(address) = forwarded_address(element.trim()) else {
                return nearest;
            };
            nearest = Some(address);
            if !self.trusts(address) {
                return nearest;
            }
        }
        nearest
    }
}

/// An address as proxies write it: some add the port, and brackets around IPv6.
fn forwarded_address(element: &str) -> Option<IpAddr> {
    let bare = element.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(element).parse().ok();
    let with_port = || element.parse().ok().map(|address: SocketAddr| address.ip());
    address.or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::identity::forwarded::settings::{ForwardingSettings, LoopHeader, TrustedProxy};

    fn client(trusted: &[TrustedProxy], lines: &[&'static str], peer: Option<&str>) -> String {
        let rules = Forwarded::new(&ForwardingSettings {
            trusted_proxies: trusted.to_vec(),
            drop_underscores: true,
            remove: Vec::new(),
            remove_sets: Vec::new(),
            keep: Vec::new(),
            loop_header: LoopHeader::CdnLoop,
            max_header_bytes: 4096,
        });
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let peer = peer.map(|peer| PeerAddress::new(peer.parse().unwrap()));
        rules.client(&headers, peer.as_ref()).map_or("none".to_owned(), |it| it.to_string())
    }

    fn network() -> [TrustedProxy; 1] {
        ["10.0.0.0/8"].map(|network| TrustedProxy::Network(network.parse().unwrap()))
    }

    #[test]
    fn h9_l4_an_untrusted_peer_is_the_client_whatever_it_sends() {
        for lines in [&[][..], &["1.1.1.1"], &["1.1.1.1, 10.1.1.1"]] {
            assert_eq!(client(&network(), lines, Some("192.0.2.7")), "192.0.2.7");
            assert_eq!(client(&[], lines, Some("10.1.1.1")), "10.1.1.1");
            assert_eq!(client(&network(), lines, None), "none");
        }
    }

    #[test]
    fn h9_l4_behind_trusted_proxies_it_is_the_last_address_that_is_none_of_theirs() {
        let of = |lines: &[&'static str]| client(&network(), lines, Some("10.0.0.1"));
        assert_eq!(of(&["1.1.1.1"]), "1.1.1.1");
        assert_eq!(of(&["9.9.9.9, 1.1.1.1, 10.2.2.2"]), "1.1.1.1", "the first one is invented");
        assert_eq!(of(&["9.9.9.9", "1.1.1.1", "10.2.2.2"]), "1.1.1.1", "in several lines as well");
        assert_eq!(of(&["1.1.1.1:5555"]), "1.1.1.1");
        assert_eq!(of(&["[2001:db8::1]:5555"]), "2001:db8::1");
        assert_eq!(of(&["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(of(&["::ffff:1.1.1.1"]), "1.1.1.1");
        assert_eq!(of(&["10.3.3.3, 10.2.2.2"]), "10.3.3.3", "all of them are trusted");
        assert_eq!(of(&[]), "10.0.0.1");
    }

    #[test]
    fn l4_what_is_no_address_is_not_looked_behind() {
        let of = |lines: &[&'static str]| client(&network(), lines, Some("10.0.0.1"));
        assert_eq!(of(&["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(of(&["1.1.1.1, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(of(&["1.1.1.1,"]), "10.0.0.1");
        assert_eq!(of(&["1.1.1.1, 2001:db8::1:x"]), "10.0.0.1");
    }

    #[test]
    fn l4_a_trusted_unix_socket_is_believed() {
        assert_eq!(client(&[TrustedProxy::Unix], &["1.1.1.1"], None), "1.1.1.1");
        assert_eq!(client(&[TrustedProxy::Unix], &[], None), "none");
    }
}
