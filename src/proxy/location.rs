//! Paths in answers that are turned back into the client's: `Location`, `Content-Location` and the
//! `Path` of cookies.
//!
//! A service redirects to where it stands itself: to its own address, or to the host of the
//! request, and to a path of its own. Only what surely means the service is rewritten. Another
//! host, and whatever is no plain URL, stays as it is: a guess could send a client elsewhere
//! (threats P-18).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LOCATION, Entry, LOCATION, SET_COOKIE},
};

use crate::{
    policy::{PathMapping, canonical_host},
    upstream::settings::UpstreamAddress,
};

/// Cookies of that name are for one host and for all of its paths: with another path a browser
/// refuses them (RFC 6265bis §4.1.3.2).
const HOST_COOKIE: &[u8] = b"__host-";
const PATH_ATTRIBUTE: &[u8] = b"path";

/// Turns the paths of one answer back.
#[derive(Debug)]
pub(super) struct LocationRewriter<'r> {
    mapping: &'r PathMapping,
    /// Where the upstream is, all of one scheme.
    upstream: Vec<&'r UpstreamAddress>,
    /// What the upstream received as host.
    host: &'r str,
}

/// A URL of http or https, or a path of the same host.
#[derive(Debug, PartialEq, Eq)]
struct LocationUrl<'t> {
    scheme: Option<UrlScheme>,
    authority: Option<UrlAuthority>,
    /// Scheme and authority as they are written, or empty.
    begins: &'t str,
    /// With its slash, or empty.
    path: &'t str,
    /// Query and fragment.
    behind: &'t str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UrlScheme {
    Http,
    Https,
}

/// What an authority means. It has no user information.
#[derive(Debug, PartialEq, Eq)]
struct UrlAuthority {
    host: String,
    port: Option<u16>,
}

impl<'r> LocationRewriter<'r> {
    /// For the answer to a request that the upstream received for that host.
    pub(super) fn new(
        mapping: &'r PathMapping,
        upstream: Vec<&'r UpstreamAddress>,
        host: &'r str,
    ) -> Self {
        Self { mapping, upstream, host }
    }

    /// Rewrites what means the service itself.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for name in [LOCATION, CONTENT_LOCATION] {
            self.rewrite_url(headers, name);
        }
        let Entry::Occupied(mut cookies) = headers.entry(SET_COOKIE) else {
            return;
        };
        for cookie in cookies.iter_mut() {
            if let Some(rewritten) = self.cookie(cookie.as_bytes()) {
                *cookie = rewritten;
            }
        }
    }

    /// Of two values it is unknown which one the client takes: they stay.
    fn rewrite_url(&self, headers: &mut HeaderMap, name: HeaderName) {
        let mut values = headers.get_all(&name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return;
        };
        let rewritten = value.to_str().ok().and_then(|text| self.url(text));
        if let Some(rewritten) = rewritten.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, rewritten);
        }
    }

    /// The URL for the client; `None`: it stays as it is.
    fn url(&self, text: &str) -> Option<String> {
        let url = LocationUrl::parse(text)?;
        let begins = match &url.authority {
            None => "",
            Some(authority) => self.beginning(&url, authority)?,
        };
        let path = self.mapping.to_client(if url.path.is_empty() { "/" } else { url.path })?;
        Some(format!("{begins}{path}{}", url.behind))
    }

    /// What stands before the path of a URL that means the service: nothing, so that the client
    /// stays where it is, or a way to the same host that the service has chosen. `None`: it means
    /// another one.
    fn beginning<'t>(&self, url: &LocationUrl<'t>, authority: &UrlAuthority) -> Option<&'t str> {
        let own_scheme = self.own_scheme();
        let scheme_or_own = url.scheme.unwrap_or(own_scheme);
        let mut own = self.upstream.iter().filter_map(|upstream| own_authority(upstream));
        let is_by_address =
            scheme_or_own == own_scheme && own.clone().any(|own| authority.is(own, scheme_or_own));
        if is_by_address {
            return Some("");
        }
        if !authority.is(self.host, scheme_or_own) {
            // Servers that know the host of a request by name only add the port that they listen
            // on.
            let is_named = own.any(|own| authority.is_host_at_port(self.host, own));
            return is_named.then_some("").filter(|_| scheme_or_own == own_scheme);
        }
        // The client may have come by https, of which a service behind plain http knows nothing.
        // An https URL is the service's wish, since it would lead to a loop without it.
        let is_as_received = scheme_or_own == UrlScheme::Http && own_scheme == UrlScheme::Http;
        let stays = url.scheme.is_none() || is_as_received;
        Some(if stays { "" } else { url.begins })
    }

    fn own_scheme(&self) -> UrlScheme {
        let is_https = |upstream: &&UpstreamAddress| matches!(upstream, UpstreamAddress::Https(_));
        if self.upstream.iter().any(is_https) { UrlScheme::Https } else { UrlScheme::Http }
    }

    /// The cookie with the client's path; `None`: it stays as it is.
    fn cookie(&self, cookie: &[u8]) -> Option<HeaderValue> {
        if cookie.get(..HOST_COOKIE.len())?.eq_ignore_ascii_case(HOST_COOKIE) {
            return None;
        }
        let (begins, path) = path_attribute(cookie)?;
        let rewritten = self.mapping.cookie_to_client(path)?;
        // A `;` of the client's path would begin another attribute.
        let is_safe = is_plain_path(&rewritten) && !rewritten.contains(';');
        let behind = cookie.get(begins + path.len()..)?;
        let cookie = [cookie.get(..begins)?, rewritten.as_bytes(), behind].concat();
        HeaderValue::from_bytes(&cookie).ok().filter(|_| is_safe)
    }
}

/// How an upstream is called that knows its own address.
fn own_authority(upstream: &UpstreamAddress) -> Option<&str> {
    match upstream {
        UpstreamAddress::Http(authority)
        | UpstreamAddress::H2c(authority)
        | UpstreamAddress::Https(authority) => Some(authority),
        UpstreamAddress::Unix(_) => None,
    }
}

impl<'t> LocationUrl<'t> {
    /// `None` for what is anything else, or could be read as anything else: a scheme of another
    /// kind, a path that is relative to another, dot segments, characters that no URL has.
    fn parse(text: &'t str) -> Option<Self> {
        let (scheme, after_scheme) = UrlScheme::strip(text);
        let (authority, after_authority) = match after_scheme.strip_prefix("//") {
            Some(behind) => {
                let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
                let (authority, behind) = behind.split_at_checked(end)?;
                (Some(UrlAuthority::parse(authority)?), behind)
            }
            None if scheme.is_some() => return None,
            None => (None, after_scheme),
        };
        let begins = text.strip_suffix(after_authority)?;
        let end = after_authority.find(['?', '#']).unwrap_or(after_authority.len());
        let (path, behind) = after_authority.split_at_checked(end)?;
        let has_path = is_plain_path(path) || (path.is_empty() && authority.is_some());
        let is_plain = |byte: u8| is_path_byte(byte) || matches!(byte, b'?' | b'#' | b'[' | b']');
        let is_url = has_path && behind.bytes().all(is_plain);
        is_url.then_some(Self { scheme, authority, begins, path, behind })
    }
}

impl UrlScheme {
    fn strip(text: &str) -> (Option<Self>, &str) {
        for (name, scheme) in [("http:", Self::Http), ("https:", Self::Https)] {
            if let Some((begins, behind)) = text.split_at_checked(name.len())
                && begins.eq_ignore_ascii_case(name)
            {
                return (Some(scheme), behind);
            }
        }
        (None, text)
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl UrlAuthority {
    /// `None` for what is not a host with an optional port.
    fn parse(text: &str) -> Option<Self> {
        let host_end = match text.strip_prefix('[') {
            Some(_) => text.find(']')? + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at_checked(host_end)?;
        let host = canonical_host(host)?.into_owned();
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self { host, port })
    }

    /// Whether it means the same as another one, both under that scheme.
    fn is(&self, other: &str, scheme: UrlScheme) -> bool {
        let default = scheme.default_port();
        let port = |port: Option<u16>| port.unwrap_or(default);
        Self::parse(other)
            .is_some_and(|other| other.host == self.host && port(other.port) == port(self.port))
    }

    /// Whether it is the one's host at the other's port.
    fn is_host_at_port(&self, host: &str, at: &str) -> bool {
        let (host, at) = (Self::parse(host), Self::parse(at));
        let port = at.and_then(|at| at.port);
        host.is_some_and(|host| host.host == self.host) && port.is_some() && port == self.port
    }
}

/// Where the path of a cookie begins, and the path. `None` if it has none, or more than one.
fn path_attribute(cookie: &[u8]) -> Option<(usize, &str)> {
    let mut found = None;
    let mut begins = 0;
    for (position, attribute) in cookie.split(|byte| *byte == b';').enumerate() {
        let name_end = attribute.iter().position(|byte| *byte == b'=');
        let (name, value) = attribute.split_at(name_end.unwrap_or(attribute.len()));
        if position > 0 && name.trim_ascii().eq_ignore_ascii_case(PATH_ATTRIBUTE) {
            if found.is_some() {
                return None;
            }
            let value = value.strip_prefix(b"=").unwrap_or_default();
            let blanks = value.len() - value.trim_ascii_start().len();
            let path = std::str::from_utf8(value.trim_ascii()).ok()?;
            found = Some((begins + attribute.len() - value.len() + blanks, path));
        }
        begins += attribute.len() + 1;
    }
    found.filter(|(_, path)| is_plain_path(path))
}

/// A path of RFC 3986 §3.3 that begins with one slash, without dot segments in any spelling. A
/// backslash, which browsers take for a slash, is no character of it.
fn is_plain_path(path: &str) -> bool {
    let is_dot = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name.replace("%2e", ".").replace("%2E", ".").as_str(), "." | "..")
    };
    path.starts_with('/') && path.bytes().all(is_path_byte) && !path.split('/').any(is_dot)
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte)
}

#[cfg(test)]
mod tests;
