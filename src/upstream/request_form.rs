//! The two forms of a request's head. Which one an upstream takes may show only when there is a
//! connection, by ALPN: then the head is turned into the other.

use http::{
    HeaderMap, HeaderValue, Request, Uri, Version,
    header::{COOKIE, HOST, TE},
    uri::{Authority, Scheme},
};

/// HTTP/1.1's from HTTP/2's.
pub(super) fn into_http1<B>(request: &mut Request<B>) -> http::Result<()> {
    if request.version() != Version::HTTP_2 {
        return Ok(());
    }
    *request.version_mut() = Version::HTTP_11;
    let host = request.uri().authority().map_or("", Authority::as_str);
    let host = HeaderValue::try_from(host)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.remove(TE);
    join_cookies(headers);
    Ok(())
}

/// HTTP/2's from HTTP/1.1's, over TLS.
pub(super) fn into_http2<B>(request: &mut Request<B>) -> http::Result<()> {
    if request.version() == Version::HTTP_2 {
        return Ok(());
    }
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let authority = Authority::try_from(host.as_ref().map_or(&b""[..], HeaderValue::as_bytes))?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// HTTP/2 may split `Cookie` into a field for each pair; HTTP/1.1 has one field with all of them
/// (RFC 9113 §8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
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

    #[test]
    fn a_head_of_http2_becomes_one_of_http1_and_back() {
        let mut request = Request::builder()
            .version(Version::HTTP_2)
            .uri("https://app.test:8443/a?b")
            .header(TE, "trailers")
            .header(COOKIE, "a=1")
            .header(COOKIE, "b=2")
            .body(())
            .unwrap();
        into_http1(&mut request).unwrap();
        assert_eq!(request.version(), Version::HTTP_11);
        assert_eq!(request.headers()[HOST], "app.test:8443");
        assert_eq!(request.headers()[COOKIE], "a=1; b=2");
        assert!(!request.headers().contains_key(TE));

        *request.uri_mut() = Uri::from_static("/a?b");
        into_http2(&mut request).unwrap();
        assert_eq!(request.version(), Version::HTTP_2);
        assert_eq!(request.uri(), "https://app.test:8443/a?b");
        assert!(!request.headers().contains_key(HOST));
        into_http2(&mut request).unwrap();
        assert_eq!(request.uri(), "https://app.test:8443/a?b");
    }

    #[test]
    fn the_asterisk_form_has_an_authority_of_its_own() {
        let mut request = Request::builder().uri("*").header(HOST, "app.test").body(()).unwrap();
        into_http2(&mut request).unwrap();
        assert_eq!(request.uri().path(), "*");
        assert_eq!(request.uri().authority().unwrap(), "app.test");
    }
}
