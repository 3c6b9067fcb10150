//! Whether a page of the same origin has sent a request. Browsers add cookies to requests that
//! pages of other sites make, and to their WebSocket handshakes (threats T-26).

use http::{HeaderMap, HeaderName, Method, header::ORIGIN};

use crate::{
    identity::is_websocket_upgrade,
    policy::{
        CanonicalRequest,
        credential::{CrossSite, key},
    },
    reason::{Excerpt, Fault, Part, Subject},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the request changes nothing, or comes from an origin that may make it.
pub(super) fn is_proven(
    rule: &CrossSite,
    request: &CanonicalRequest,
    headers: &HeaderMap,
    over_tls: bool,
) -> bool {
    if is_safe(request.method())
        && !is_websocket_upgrade(request.method(), request.version(), headers)
    {
        return true;
    }
    // A page can't set either header. `none` is not enough: what a user starts by hand has no
    // unsafe method, as long as browsers are right about who started it.
    if only(headers, &SEC_FETCH_SITE) == Some(b"same-origin") {
        return true;
    }
    only(headers, &ORIGIN).is_some_and(|origin| {
        is_own(origin, request.authority().as_bytes(), over_tls) || is_listed(rule, origin)
    })
}

/// What there is in place of a proof.
#[cold]
pub(super) fn subject(request: &CanonicalRequest, headers: &HeaderMap) -> Subject {
    let expected = Excerpt::own(format_args!("the origin of {}", request.authority()));
    let found = only(headers, &ORIGIN).and_then(|origin| std::str::from_utf8(origin).ok());
    let subject = match found {
        Some(origin) => Subject::new(Part::Header, Fault::Different).found(Excerpt::quoted(origin)),
        None => Subject::new(Part::Header, Fault::Missing),
    };
    subject.named(ORIGIN.as_str()).expected(expected).setting(key::CROSS_SITE)
}

/// Methods that are known to be safe (RFC 9110 §9.2.1). Others may do anything.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether that is the origin of the request's own URL. Where a proxy in front ends TLS, the URL
/// that the browser has seen may be of either scheme.
pub(super) fn is_own(origin: &[u8], authority: &[u8], over_tls: bool) -> bool {
    let of_scheme = |scheme: &[u8], default_port: &[u8]| {
        origin.strip_prefix(scheme).is_some_and(|rest| {
            !rest.is_empty()
                && (rest == authority || authority.strip_suffix(default_port) == Some(rest))
        })
    };
    of_scheme(b"https://", b":443") || (!over_tls && of_scheme(b"http://", b":80"))
}

fn is_listed(rule: &CrossSite, origin: &[u8]) -> bool {
    match rule {
        CrossSite::From(origins) => {
            origins.iter().any(|listed| listed.value().as_bytes() == origin)
        }
        CrossSite::Refuse | CrossSite::Allow => false,
    }
}

/// The value of a header that is there exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}
