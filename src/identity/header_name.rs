//! Which headers a claim may be written to.

use http::HeaderName;

use super::fold::fold;

/// Whether a header may carry a claim at all (threats H-8); the error says why not.
///
/// A name is judged by what it folds to: `Content_Length` is `Content-Length` to a CGI upstream.
pub fn check_header_name(name: &HeaderName) -> Result<(), &'static str> {
    match &*fold(name.as_str()) {
        "host" | "content-length" | "transfer-encoding" | "te" | "trailer" | "expect" => {
            Err("it says where the request goes or how long it is")
        }
        "connection" | "keep-alive" | "upgrade" | "http2-settings" | "proxy" => {
            Err("it belongs to one connection and is not forwarded")
        }
        name if name.starts_with("proxy-") => {
            Err("it belongs to one connection and is not forwarded")
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
        name if name.starts_with("sec-websocket-") => Err("it belongs to the WebSocket handshake"),
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
            "sec-websocket-key",
            "http2-settings",
        ] {
            let name = HeaderName::from_static(name);
            assert!(check_header_name(&name).is_err(), "{name}");
        }
    }

    #[test]
    fn h8_usual_identity_headers_are_fine() {
        for name in ["x-auth-subject", "x-forwarded-user", "remote-user", "sm_user", "x-hostname"] {
            let name = HeaderName::from_static(name);
            assert_eq!(check_header_name(&name), Ok(()), "{name}");
        }
    }
}
