//! The one host of a request: who it is for, in one spelling (threats P-6).

use std::{
    borrow::Cow,
    cell::RefCell,
    net::{Ipv4Addr, Ipv6Addr},
};

use http::HeaderValue;

use super::{
    NotCanonical,
    settings::{HostSettings, hosts::HostForm},
};

/// The longest host name (RFC 1035 §2.3.4, in text form).
const MAX_NAME: usize = 253;
/// The longest label of a host name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// `host[:port]` with the host in lower case and without a dot at its end.
///
/// Held as a header value, since that is what is done with it: it becomes `Host` and
/// `X-Forwarded-Host`. A clone copies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    value: HeaderValue,
    host_len: usize,
}

impl Authority {
    /// Reads a `Host` header, and returns whether it is canonical already.
    pub(super) fn from_header(header: &HeaderValue) -> Result<(Self, bool), NotCanonical> {
        if let Some(latest) = Self::latest(header.as_bytes()) {
            return Ok((latest, true));
        }
        let text = header.to_str().map_err(|_| NotCanonical::HostMalformed)?;
        let authority = Self::read(text)?;
        let is_canonical = authority.as_str() == text;
        Ok((authority, is_canonical))
    }

    /// Reads the authority of a request target or HTTP/2's `:authority`.
    pub(super) fn parse(text: &str) -> Result<Self, NotCanonical> {
        Self::latest(text.as_bytes()).map_or_else(|| Self::read(text), Ok)
    }

    fn read(text: &str) -> Result<Self, NotCanonical> {
        let canonical = CanonicalAuthority::parse(text).ok_or(NotCanonical::HostMalformed)?;
        let authority = canonical.copy()?;
        LATEST.set(Some(authority.clone()));
        Ok(authority)
    }

    /// Reads what is refused by default. It is not remembered: another configuration may refuse it.
    pub(super) fn by_setting(text: &str, rules: &HostSettings) -> Option<Self> {
        let without_colon = || text.strip_suffix(':').filter(|host| !has_port(host));
        let text =
            if rules.accepts(HostForm::EmptyPort) { without_colon().unwrap_or(text) } else { text };
        let canonical = CanonicalAuthority::parse(text).or_else(|| {
            CanonicalAuthority::number(text).filter(|_| rules.accepts(HostForm::Number))
        })?;
        canonical.copy().ok()
    }

    /// The latest authority, if that text is it.
    fn latest(text: &[u8]) -> Option<Self> {
        LATEST.with_borrow(|latest| {
            latest.as_ref().filter(|latest| latest.value.as_bytes() == text).cloned()
        })
    }

    pub(super) fn value(&self) -> &HeaderValue {
        &self.value
    }

    pub(super) fn as_str(&self) -> &str {
        // Never the default: only visible ASCII gets in.
        self.value.to_str().unwrap_or_default()
    }

    pub(super) fn host(&self) -> &str {
        self.as_str().get(..self.host_len).unwrap_or_default()
    }
}

thread_local! {
    /// What the thread read last, in canonical form, which is read alike. Nearly all requests name
    /// the same host: comparing two costs a tenth of reading one.
    static LATEST: RefCell<Option<Authority>> = const { RefCell::new(None) };
}

struct CanonicalAuthority<'a> {
    text: Cow<'a, str>,
    host_len: usize,
}

impl<'a> CanonicalAuthority<'a> {
    /// Userinfo, zones, escapes, lists and blanks all end here: none of their characters is
    /// allowed in a host or a port.
    fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = split_port(text)?;
        let canonical = canonical_host(host)?;
        let host_len = canonical.len();
        let text = match canonical {
            Cow::Borrowed(same) if same.len() == host.len() => Cow::Borrowed(text),
            host => Cow::Owned(format!("{host}{port}")),
        };
        Some(Self { text, host_len })
    }

    /// A label of digits as host.
    fn number(text: &'a str) -> Option<Self> {
        let (host, _) = split_port(text)?;
        let is_number = host.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=MAX_LABEL).contains(&host.len());
        (is_number && fits).then_some(Self { text: Cow::Borrowed(text), host_len: host.len() })
    }

    fn copy(&self) -> Result<Authority, NotCanonical> {
        let value = HeaderValue::from_str(&self.text).map_err(|_| NotCanonical::HostMalformed)?;
        Ok(Authority { value, host_len: self.host_len })
    }
}

/// Host, and the port with its colon (or nothing). Port 0, leading zeros and a colon without a port
/// are refused: two spellings of one port would be two authorities.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let host_end = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, port) = text.split_at_checked(host_end)?;
    if !port.is_empty() {
        let digits = port.strip_prefix(':')?;
        let number: u16 = digits.parse().ok()?;
        if number == 0 || digits.starts_with(['0', '+']) {
            return None;
        }
    }
    Some((host, port))
}

/// Whether a colon follows the host.
fn has_port(text: &str) -> bool {
    split_port(text).is_none_or(|(_, port)| !port.is_empty())
}

/// The canonical form of a host without a port: an IPv6 address in brackets as RFC 5952 writes it,
/// an IPv4 address, or a name in lower case. A dot at the end (`example.com.`, the same host) is
/// removed.
pub(crate) fn canonical_host(host: &str) -> Option<Cow<'_, str>> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        let canonical = format!("[{address}]");
        return Some(same_or(host, canonical));
    }

    let name = host.strip_suffix('.').unwrap_or(host);
    let spelling = Spelling::of(name)?;
    // A name that ends in a number is an address to every resolver, so it has to be a whole one.
    if spelling.ends_in_number && name.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    if spelling.has_upper_case {
        return Some(Cow::Owned(name.to_ascii_lowercase()));
    }
    Some(Cow::Borrowed(name))
}

/// Facts about a name from one pass over its bytes; on the hot path.
struct Spelling {
    has_upper_case: bool,
    ends_in_number: bool,
}

impl Spelling {
    /// `None` for what is no name: labels of 1 to 63 letters, digits and hyphens, with dots between
    /// them; and the underscore, which container networks use in host names.
    fn of(name: &str) -> Option<Self> {
        if name.len() > MAX_NAME {
            return None;
        }
        let mut has_upper_case = false;
        let mut label_len = 0;
        let mut is_number = true;
        for byte in name.bytes() {
            match byte {
                b'.' if label_len > 0 => {
                    (label_len, is_number) = (0, true);
                    continue;
                }
                b'0'..=b'9' => {}
                b'a'..=b'z' | b'-' | b'_' => is_number = false,
                b'A'..=b'Z' => (is_number, has_upper_case) = (false, true),
                _ => return None,
            }
            label_len += 1;
            if label_len > MAX_LABEL {
                return None;
            }
        }
        (label_len > 0).then_some(Self { has_upper_case, ends_in_number: is_number })
    }
}

fn same_or(text: &str, canonical: String) -> Cow<'_, str> {
    if canonical == text {
        return Cow::Borrowed(text);
    }
    Cow::Owned(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Option<(String, String)> {
        let parsed = Authority::parse(text).ok()?;
        Some((parsed.as_str().to_owned(), parsed.host().to_owned()))
    }

    #[test]
    fn p6_a_valid_host_has_one_spelling() {
        for (text, canonical, host) in [
            ("example.com", "example.com", "example.com"),
            ("Example.COM:8080", "example.com:8080", "example.com"),
            ("example.com.", "example.com", "example.com"),
            ("EXAMPLE.com.:443", "example.com:443", "example.com"),
            ("my_service", "my_service", "my_service"),
            ("10.0.0.1:65535", "10.0.0.1:65535", "10.0.0.1"),
            ("[::1]:80", "[::1]:80", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]", "[::1]"),
            ("[2001:DB8::1]", "[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(authority(text), Some((canonical.to_owned(), host.to_owned())), "{text}");
        }
    }

    #[test]
    fn p6_a_host_that_was_read_before_is_read_alike() {
        let read = |text: &'static str| Authority::from_header(&HeaderValue::from_static(text));
        let refused = || ["", ":80", "a.test ", "a.test:"].map(read).iter().all(Result::is_err);
        assert!(refused(), "before any other");
        let hosts = [
            ("a.test", "a.test", "a.test"),
            ("a.test:80", "a.test:80", "a.test"),
            ("A.test", "a.test", "a.test"),
            ("a.test.", "a.test", "a.test"),
            ("a", "a", "a"),
            ("[::0]:80", "[::]:80", "[::]"),
            ("[::]:80", "[::]:80", "[::]"),
        ];
        for (first, ..) in hosts {
            for (second, canonical, host) in hosts {
                read(first).unwrap();
                let (read, is_canonical) = read(second).unwrap();
                assert_eq!(
                    (read.as_str(), read.host()),
                    (canonical, host),
                    "{second} after {first}"
                );
                assert_eq!(is_canonical, canonical == second, "{second} after {first}");
                assert_eq!(Authority::parse(second).unwrap(), read, "{second} after {first}");
                assert!(refused(), "after {first} and {second}");
            }
        }
    }

    #[test]
    fn p6_what_is_no_host_is_refused() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}com", "abcdefg.".repeat(32));
        for text in [
            "",
            ".",
            "..",
            ":",
            ":80",
            "a..b",
            ".a",
            "a..",
            "a:",
            "a:0",
            "a:080",
            "a:+80",
            "a:65536",
            "a:b",
            "a:80:80",
            "u@a",
            "u:p@a",
            "a,b",
            "a b",
            " a",
            "a/",
            "a?b",
            "a#b",
            "a%41",
            "a\\b",
            "ä",
            "*.a",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[]",
            "[1.2.3.4]",
            "::1",
            "1",
            "1.2.3",
            "256.1.1.1",
            "01.2.3.4",
            "a.1",
            &long_label,
            &long_name,
        ] {
            assert_eq!(authority(text), None, "{text}");
        }
    }
}
