//! The lists that hygiene goes by, each name with its reason. All are in folded form.

/// Headers that are for one connection only (RFC 9110 §7.6.1, RFC 9113 §8.2.2).
///
/// `http2-settings` and `upgrade` would start an upgrade to HTTP/2 past the proxy (threats F-9).
/// `proxy-authorization` is a credential for proxies; `proxy` becomes the `HTTP_PROXY` of CGI
/// programs (httpoxy, CVE-2016-5385).
pub(super) const HOP_BY_HOP: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that come through under their exact name: the message, the proxy or another room
/// depends on them. No `Connection` token takes them away (threats H-3, H-11).
pub(super) const END_TO_END: &[&str] = &[
    "authorization",
    "cache-control",
    "cdn-loop",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "set-cookie",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Headers besides those that name a user ([`super::identity_headers`]) that upstreams, frameworks
/// and other gateways trust, and no client may set (threats H-9, P-9).
pub(super) const FORGEABLE: &[&str] = &[
    // Where the request came from.
    "x-real-ip",
    // Another path or host than the one policy read (oauth2-proxy CVE-2026-40575, Symfony, IIS).
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    // Another method.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    // Next.js skips its own authorisation for it (CVE-2025-29927).
    "x-middleware-subrequest",
];

/// Families of such names: what nginx and Envoy take for their own.
pub(super) const FORGEABLE_PREFIXES: &[&str] = &["x-accel-", "x-envoy-"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fold::is_folded;

    #[test]
    fn every_listed_name_is_in_folded_form() {
        for name in [HOP_BY_HOP, END_TO_END, FORGEABLE].concat() {
            assert!(is_folded(name), "{name}");
        }
        for prefix in FORGEABLE_PREFIXES {
            assert!(is_folded(prefix), "{prefix}");
        }
    }
}
