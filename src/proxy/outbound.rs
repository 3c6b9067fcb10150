//! The head of a request as the upstream receives it: the canonical target, the one host, and
//! framing that both sides read alike.

use http::{
    HeaderMap, HeaderValue, Version,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING},
    request::Parts,
};

use crate::{
    policy::{CanonicalRequest, RequestTarget},
    upstream::settings::UpstreamAddress,
};

use super::rare_headers::RareHeaders;

/// Makes the request's head what the upstream receives. `rare` is what the client has sent, and
/// `target` may be another one than the canonical request's.
pub(super) fn address(
    parts: &mut Parts,
    rare: RareHeaders,
    canonical: &CanonicalRequest,
    target: &RequestTarget,
    upstream: &UpstreamAddress,
) -> http::Result<()> {
    // We answer `100-continue` ourselves, when the upstream takes the body.
    if rare.expect {
        parts.headers.remove(EXPECT);
    }
    match upstream {
        UpstreamAddress::H2c(_) => address_http2(parts, canonical, target)?,
        UpstreamAddress::Http(_) | UpstreamAddress::Unix(_) => {
            address_http1(parts, rare, canonical, target);
        }
    }
    Ok(())
}

/// Removes the client's framing of a body that is forwarded with a framing of its own, which is made
/// of its length (threats S-3, S-11).
pub(super) fn unframe(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER] {
        headers.remove(name);
    }
}

fn address_http2(
    parts: &mut Parts,
    canonical: &CanonicalRequest,
    target: &RequestTarget,
) -> http::Result<()> {
    parts.version = Version::HTTP_2;
    parts.headers.remove(HOST);
    parts.uri = target.for_http2(canonical.authority())?;
    Ok(())
}

fn address_http1(
    parts: &mut Parts,
    rare: RareHeaders,
    canonical: &CanonicalRequest,
    target: &RequestTarget,
) {
    parts.version = Version::HTTP_11;
    // Most clients send it first: a look-up would cost more.
    let has_host = parts.headers.keys().any(|name| *name == HOST);
    if !(canonical.host_is_canonical() && has_host) {
        parts.headers.insert(HOST, canonical.authority_value().clone());
    }
    // `TE` is for the next hop (RFC 9110 §10.1.4), and over HTTP/1.1 we make no use of it.
    if rare.te {
        parts.headers.remove(TE);
    }
    if rare.cookie {
        join_cookies(&mut parts.headers);
    }
    parts.uri = target.for_http1();
}

/// HTTP/2 may split `Cookie` into a field for each pair; HTTP/1.1 has one field with all of them
/// (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(_)) = (crumbs.next(), crumbs.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for crumb in headers.get_all(COOKIE).iter().skip(1) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(crumb.as_bytes());
    }
    // Parts that are values, joined by characters that may be in one, are a value.
    if let Ok(mut cookie) = HeaderValue::from_bytes(&joined) {
        cookie.set_sensitive(true);
        headers.insert(COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(crumbs: &[&'static [u8]]) -> Vec<HeaderValue> {
        let mut headers = HeaderMap::new();
        for crumb in crumbs {
            headers.append(COOKIE, HeaderValue::from_bytes(crumb).unwrap());
        }
        join_cookies(&mut headers);
        headers.get_all(COOKIE).iter().cloned().collect()
    }

    #[test]
    fn cookies_become_one_field() {
        assert!(joined(&[]).is_empty());
        assert_eq!(joined(&[b"a=1"]), ["a=1"]);
        assert_eq!(joined(&[b"a=1", b"b=2", b"c=3"]), ["a=1; b=2; c=3"]);
        assert_eq!(joined(&[b"a=\xff", b"b"]), [&b"a=\xff; b"[..]]);
    }
}
