//! The head of a request as the upstream receives it: the canonical target, the one host, and
//! framing that both sides read alike.

use http::{
    HeaderMap, Version,
    header::{CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING},
    request::Parts,
};

use crate::{
    policy::{CanonicalRequest, RequestTarget},
    upstream::{UpstreamPool, join_cookies},
};

use super::rare_headers::RareHeaders;

/// How a request's head is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutboundForm {
    Http1,
    /// The scheme is that of the connection.
    Http2 {
        scheme: &'static str,
    },
}

impl OutboundForm {
    /// The form for an upstream. Where the protocol is negotiated, that is a guess, except for an
    /// upgrade, which only HTTP/1.1 has.
    pub(super) fn of(upstream: &UpstreamPool, is_upgrade: bool) -> Self {
        if is_upgrade || upstream.expects_http1() {
            return Self::Http1;
        }
        let is_tls = upstream.settings().tls.is_some();
        Self::Http2 { scheme: if is_tls { "https" } else { "http" } }
    }
}

/// Makes the request's head what the upstream receives. `rare` is what the client has sent, and
/// `target` may be another one than the canonical request's.
pub(super) fn address(
    parts: &mut Parts,
    rare: RareHeaders,
    canonical: &CanonicalRequest,
    target: &RequestTarget,
    form: OutboundForm,
) -> http::Result<()> {
    // We answer `100-continue` ourselves, when the upstream takes the body.
    if rare.expect {
        parts.headers.remove(EXPECT);
    }
    match form {
        OutboundForm::Http1 => address_http1(parts, rare, canonical, target),
        OutboundForm::Http2 { scheme } => address_http2(parts, canonical, target, scheme)?,
    }
    Ok(())
}

/// Removes the client's framing of a body that is forwarded with a framing of its own, which is
/// made of its length (threats S-3, S-11).
pub(super) fn unframe(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER] {
        headers.remove(name);
    }
}

fn address_http2(
    parts: &mut Parts,
    canonical: &CanonicalRequest,
    target: &RequestTarget,
    scheme: &str,
) -> http::Result<()> {
    parts.version = Version::HTTP_2;
    parts.headers.remove(HOST);
    parts.uri = target.for_http2(scheme, canonical.authority())?;
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
