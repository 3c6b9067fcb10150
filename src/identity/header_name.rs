//! Which headers the operator may have us set.

use http::HeaderName;

use super::{fold::fold_header_name, hygiene::is_hop_by_hop};

/// Where a header is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderUse {
    /// In the request to the upstream, as what is known of who sends it.
    Request,
    /// In an answer of our own, or beside one that the upstream gives.
    Answer,
}

/// Whether a header may be set there at all (threats H-8); the error gives the reason.
///
/// A name is checked by what it folds to: `Content_Length` is `Content-Length` to a CGI upstream.
pub fn check_header_name(name: &HeaderName, of: HeaderUse) -> Result<(), &'static str> {
    let name = &*fold_header_name(name.as_str());
    match of {
        HeaderUse::Request => check_request_header(name)?,
        HeaderUse::Answer => check_answer_header(name)?,
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
