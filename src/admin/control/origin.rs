//! Whether a request was made for this listener, or by a web page that makes a browser send it
//! (threats O-8).

use std::net::IpAddr;

use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
    uri::Authority,
};

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Its `Host` is no loopback address: a name that a web page has resolved to this machine (DNS
    /// rebinding) comes with that name.
    Host,
    /// A web page of another origin had it sent.
    Origin,
}

impl Foreign {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Host => {
                "the Host header must name this machine: localhost or a loopback address\n"
            }
            Self::Origin => "web pages of other origins are refused\n",
        }
    }
}

/// Checks both headers. Clients that are no browsers send no `Origin`.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Foreign> {
    let host = single(headers, &HOST).ok_or(Foreign::Host)?;
    if !is_this_machine(host) {
        return Err(Foreign::Host);
    }
    if !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let origin = single(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    match origin {
        Some(origin) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Foreign::Origin),
    }
}

/// The value of a header that occurs once.
fn single<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn o8_a_host_is_a_name_or_an_address_of_this_machine() {
        for host in ["localhost", "LOCALHOST:9902", "127.0.0.1:9902", "127.1.2.3", "[::1]:9902"] {
            assert_eq!(check(&headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "",
            "rebound.example",
            "localhost.example",
            "127.0.0.1.example:9902",
            "evil@localhost",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
        ] {
            assert_eq!(check(&headers(&[("host", host)])), Err(Foreign::Host), "{host}");
        }
        assert_eq!(check(&headers(&[])), Err(Foreign::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(check(&headers(&twice)), Err(Foreign::Host));
    }

    #[test]
    fn o8_an_origin_is_the_listeners_own() {
        let of = |origin| check(&headers(&[("host", "localhost:9902"), ("origin", origin)]));
        assert_eq!(of("http://localhost:9902"), Ok(()));
        for origin in [
            "null",
            "http://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:9902",
            "https://localhost:9902",
            "https://evil.example",
            "",
        ] {
            assert_eq!(of(origin), Err(Foreign::Origin), "{origin}");
        }
    }
}
