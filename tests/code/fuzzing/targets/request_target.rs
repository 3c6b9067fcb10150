//! Method, request target and `Host` of a request. The input is a request line, and a value of
//! `Host` on each line after it. The target of HTTP/2 is written as the URL that its pseudo-header
//! fields make together, or as the path alone where there is no `:authority`.

use std::net::Ipv6Addr;

use countersign::policy::CanonicalRequest;
use http::{
    HeaderMap, HeaderValue, Method, Uri, Version,
    header::HOST,
    uri::{Parts, PathAndQuery, Scheme},
};

use super::path::{assert_is_canonical, segments};

/// What is sent on is what policy has seen, it is the target that was sent, and read again as the
/// upstream reads it, it is the same request.
pub fn check(input: &[u8]) -> bool {
    let mut lines = input.split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let Ok([method, target, version]) = <[&[u8]; 3]>::try_from(words(line)) else { return false };
    let version = if version == b"HTTP/2" { Version::HTTP_2 } else { Version::HTTP_11 };
    let Some(request) = read(method, target, version, lines) else { return false };
    assert_eq!(request.method().as_str().as_bytes(), method);
    assert_method(request.method());
    assert_authority(&request);
    assert_target(&request, target);
    assert_reads_the_same(&request);
    true
}

fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(|byte| *byte == b' ').collect()
}

fn read<'i>(
    method: &[u8],
    target: &[u8],
    version: Version,
    hosts: impl Iterator<Item = &'i [u8]>,
) -> Option<CanonicalRequest> {
    let method = Method::from_bytes(method).ok()?;
    let target = match version {
        Version::HTTP_2 => of_pseudo_headers(target)?,
        _ => Uri::try_from(target).ok()?,
    };
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, HeaderValue::from_bytes(host).ok()?);
    }
    CanonicalRequest::new(&method, &target, version, &headers).ok()
}

/// As h2 makes it: each part is parsed alone, so that the path need not begin with a slash.
fn of_pseudo_headers(target: &[u8]) -> Option<Uri> {
    let (authority, path) = split(target);
    let mut parts = Parts::default();
    if let Some(authority) = authority {
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority.try_into().ok()?);
    }
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

/// The authority of a URL, and what follows it.
fn split(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let hierarchy = target.split(|byte| b"/?#".contains(byte)).next().unwrap_or_default();
    match target.get(hierarchy.len()..) {
        Some(rest) if hierarchy.ends_with(b":") && rest.starts_with(b"//") => {
            let rest = &rest[2..];
            let end = rest.iter().position(|byte| b"/?#*".contains(byte)).unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
        _ => (None, target),
    }
}

fn assert_method(method: &Method) {
    let method = method.as_str();
    assert!(!matches!(method, "CONNECT" | "TRACE" | "TRACK"), "{method}");
    assert!(method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'), "{method}");
}

fn assert_authority(request: &CanonicalRequest) {
    let authority = request.authority();
    assert_eq!(request.authority_value().as_bytes(), authority.as_bytes());
    let port = authority.strip_prefix(request.host()).expect("the host begins the authority");
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == port);
    assert!(port.is_empty() || port.strip_prefix(':').is_some_and(is_port), "{authority}");
    let host = request.host();
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().expect("an IPv6 address");
        assert_eq!(address.to_string(), inner);
        return;
    }
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!(host.bytes().all(|byte| is_plain(byte) || b"-_.".contains(&byte)), "{host}");
    assert!(host.split('.').all(|label| !label.is_empty()), "{host}");
}

/// The target that was sent, without scheme and authority, in its canonical form.
fn assert_target(request: &CanonicalRequest, sent: &[u8]) {
    let target = request.target();
    let authority = request.authority();
    let http2 = target.for_http2("http", authority).expect("a URL").to_string();
    assert_eq!(target.for_http1().to_string(), target.as_str(), "another line is sent on");
    assert_eq!(http2, format!("http://{authority}{}", target.as_str()), "another URL is sent on");
    assert_eq!(target.path(), request.path());
    let (path, query) = origin_form(sent);
    assert_eq!(target.query().map(str::as_bytes), query, "another query than the one sent");
    if request.path() == "*" {
        assert_eq!((request.method(), path, query), (&Method::OPTIONS, &b"*"[..], None));
        return;
    }
    assert_is_canonical(request.path());
    assert_eq!(segments(request.path().as_bytes()), segments(path), "another path was sent");
    let written = match target.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path().to_owned(),
    };
    assert_eq!(target.as_str(), written, "more than path and query is sent on");
}

/// Path and query of a target as RFC 3986 splits them; an empty path is `/`.
fn origin_form(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (_, target) = split(target);
    let target = target.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let (path, query) = (parts.next().unwrap_or_default(), parts.next());
    (if path.is_empty() { b"/" } else { path }, query)
}

fn assert_reads_the_same(request: &CanonicalRequest) {
    let (method, target) = (request.method().as_str(), request.target().as_str());
    let host = std::iter::once(request.authority().as_bytes());
    let again = read(method.as_bytes(), target.as_bytes(), Version::HTTP_11, host);
    let again = again.expect("the canonical request is refused");
    assert!(again.host_is_canonical());
    assert_eq!(again.authority(), request.authority());
    assert_eq!(again.host(), request.host());
    assert_eq!(again.target().as_str(), target);
}
