//! Which headers the operator may have us set.

use http::HeaderName;

use super::{
    fold::fold_header_name,
    hygiene::{is_guarded, is_hop_by_hop},
};

/// Where a header is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderUse {
    /// In the request to the upstream, as what is known of who sends it.
    Request,
    /// In an answer of our own, or beside one that the upstream gives.
    Answer,
    /// In the request to the upstream, with a value that the operator has written.
    FixedRequest,
    /// In every answer, with a value that the operator has written.
    FixedAnswer,
    /// In an answer of the upstream, from which it is removed.
    RemovedAnswer,
}

/// Whether a header may be set there at all (threats H-8); the error gives the reason.
///
/// A name is checked by what it folds to: `Content_Length` is `Content-Length` to a CGI upstream.
pub fn check_header_name(name: &HeaderName, of: HeaderUse) -> Result<(), &'static str> {
    let name = &*fold_header_name(name.as_str());
    match of {
        HeaderUse::Request => check_request_header(name)?,
        HeaderUse::Answer => check_answer_header(name)?,
        HeaderUse::FixedRequest => check_request_header(name).and_then(|()| check_guarded(name))?,
        HeaderUse::FixedAnswer => check_fixed_answer(name).and_then(|()| check_guarded(name))?,
        HeaderUse::RemovedAnswer => check_removed_answer(name)?,
    }
    if is_hop_by_hop(name) || name.starts_with("proxy-") {
        return Err("it belongs to one connection and is not forwarded");
    }
    Ok(())
}

fn check_request_header(folded: &str) -> Result<(), &'static str> {
    match folded {
        "host" | "content-length" | "transfer-encoding" | "te" | "trailer" | "expect" => {
            Err("it says where the request goes or how long it is")
        }
        "content-type" | "content-encoding" | "content-range" => {
            Err("it says how the upstream reads the body")
        }
        "authorization" | "cookie" | "set-cookie" => Err(
            "it carries the client's credentials; `credential.forward` says if they are forwarded",
        ),
        "forwarded" | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" => {
            Err("it says where the request came from and is set from the connection")
        }
        "x-http-method-override"
        | "x-http-method"
        | "x-method-override"
        | "x-original-url"
        | "x-rewrite-url" => Err("upstreams take it for the request's method or path"),
        "cdn-loop" | "via" => Err("it lists the proxies that the request has passed"),
        name if name.starts_with("sec-websocket-") => Err("it belongs to the WebSocket handshake"),
        _ => Ok(()),
    }
}

fn check_answer_header(folded: &str) -> Result<(), &'static str> {
    match folded {
        "content-length" | "transfer-encoding" | "trailer" | "content-encoding"
        | "content-range" => Err("it says where the answer ends or how to read it"),
        "content-type" => Err("content_type sets it, beside the body"),
        "cache-control" | "expires" | "age" | "etag" | "last-modified" => {
            Err("no cache may keep a refusal, which depends on a credential")
        }
        "allow" | "retry-after" | "date" => Err("it is set where it belongs"),
        name if name.starts_with("grpc-") => Err("it belongs to the answers of gRPC calls"),
        _ => Ok(()),
    }
}

/// What only a verified request may tell a service, or the proxy itself (threats H-15).
fn check_guarded(folded: &str) -> Result<(), &'static str> {
    if folded.starts_with("x-forwarded-") || matches!(folded, "forwarded" | "host") {
        return Err("it says where the request came from and is set from the connection");
    }
    if matches!(folded, "authorization" | "cookie") {
        return Err("it carries credentials");
    }
    if is_guarded(folded) {
        return Err("services take it for what a proxy has verified, or for another request");
    }
    Ok(())
}

fn check_fixed_answer(folded: &str) -> Result<(), &'static str> {
    match folded {
        "set-cookie" => Err("every client would get the same cookie"),
        "location" => Err("`redirect` of a route says where clients are sent"),
        "etag" | "last-modified" | "age" => Err("it differs from answer to answer"),
        name => check_removed_answer(name),
    }
}

fn check_removed_answer(folded: &str) -> Result<(), &'static str> {
    match folded {
        "content-length" | "transfer-encoding" | "trailer" | "content-encoding"
        | "content-range" | "content-type" => {
            Err("it says where the answer ends or how to read it")
        }
        "allow" | "date" | "location" | "retry-after" | "vary" | "www-authenticate" => {
            Err("clients and caches depend on what it says of this answer")
        }
        name if name.starts_with("grpc-") || name.starts_with("sec-websocket-") => {
            Err("it belongs to a protocol")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h8_a_claim_cannot_overwrite_what_the_message_depends_on() {
        for name in [
            "host",
            "content-length",
            "content_length",
            "connection",
            "transfer-encoding",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "keep-alive",
            "proxy-authorization",
            "proxy-connection",
            "proxy-anything",
            "authorization",
            "cookie",
            "content-type",
            "content.type",
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-http-method-override",
            "x-original-url",
            "cdn-loop",
            "via",
            "sec-websocket-key",
            "http2-settings",
        ] {
            let name = HeaderName::from_static(name);
            assert!(check_header_name(&name, HeaderUse::Request).is_err(), "{name}");
        }
    }

    #[test]
    fn h8_usual_identity_headers_are_fine() {
        for name in ["x-auth-subject", "x-forwarded-user", "remote-user", "sm_user", "x-hostname"] {
            let name = HeaderName::from_static(name);
            assert_eq!(check_header_name(&name, HeaderUse::Request), Ok(()), "{name}");
        }
    }
    #[test]
    fn h15_a_fixed_header_is_nothing_that_is_verified_and_frames_nothing() {
        use HeaderUse::{FixedAnswer, FixedRequest, RemovedAnswer};
        for name in [
            "host",
            "authorization",
            "cookie",
            "connection",
            "content-length",
            "transfer-encoding",
            "te",
            "proxy-authorization",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-prefix",
            "x_forwarded_user",
            "x-real-ip",
            "x-original-url",
            "x-http-method-override",
            "remote-user",
            "x-auth-request-email",
            "x-goog-authenticated-user-id",
            "x-user",
            "x-auth-subject",
            "x_user_id",
            "x-accel-redirect",
        ] {
            let name = HeaderName::from_static(name);
            assert!(check_header_name(&name, FixedRequest).is_err(), "{name}");
        }
        for name in ["x-gateway", "accept-encoding", "user-agent", "x-api-version", "origin"] {
            let name = HeaderName::from_static(name);
            assert_eq!(check_header_name(&name, FixedRequest), Ok(()), "{name}");
        }
        for name in ["content-length", "content-type", "connection", "te", "grpc-status", "vary"] {
            let name = HeaderName::from_static(name);
            for of in [FixedAnswer, RemovedAnswer] {
                assert!(check_header_name(&name, of).is_err(), "{name}");
            }
        }
        for name in ["set-cookie", "etag", "x-user", "authorization", "x-forwarded-for"] {
            let name = HeaderName::from_static(name);
            assert!(check_header_name(&name, FixedAnswer).is_err(), "{name}");
            assert_eq!(check_header_name(&name, RemovedAnswer), Ok(()), "{name}");
        }
        for name in ["server", "strict-transport-security", "cache-control", "x-frame-options"] {
            let name = HeaderName::from_static(name);
            for of in [FixedAnswer, RemovedAnswer] {
                assert_eq!(check_header_name(&name, of), Ok(()), "{name}");
            }
        }
    }

    #[test]
    fn h8_an_answer_of_ours_says_nothing_that_frames_it_or_lets_it_be_cached() {
        for name in ["content-length", "te", "connection", "proxy-status", "proxy", "trailer"] {
            let name = HeaderName::from_static(name);
            for of in [HeaderUse::Request, HeaderUse::Answer] {
                assert!(check_header_name(&name, of).is_err(), "{name}");
            }
        }
        for name in ["cache-control", "cache_control", "etag", "retry-after", "grpc-status"] {
            let name = HeaderName::from_static(name);
            assert!(check_header_name(&name, HeaderUse::Answer).is_err(), "{name}");
            assert_eq!(check_header_name(&name, HeaderUse::Request), Ok(()), "{name}");
        }
        for name in ["set-cookie", "www-authenticate", "location", "x-reason"] {
            let name = HeaderName::from_static(name);
            assert_eq!(check_header_name(&name, HeaderUse::Answer), Ok(()), "{name}");
        }
    }
}
