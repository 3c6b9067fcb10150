//! Which requests may switch to another protocol.

use http::{
    HeaderMap, HeaderValue, Method, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
};

use super::websocket::{is_websocket_upgrade, names_upgrade, only};

/// The one protocol that a request proposes to switch to: in HTTP/1.1, by GET or POST, without a
/// body, in one `Upgrade` that `Connection` names. For a WebSocket it has to be a proper handshake.
///
/// To be called before [`super::Hygiene`] removes `Upgrade` and `Connection`; only for such a
/// request, and a protocol that the upstream's settings name, does the proxy set them again.
/// Anything else, `Upgrade: h2c` above all, never reaches the upstream as an upgrade (threats F-9,
/// F-10, W-3).
pub fn proposed_upgrade<'h>(
    method: &Method,
    version: Version,
    headers: &'h HeaderMap,
) -> Option<&'h HeaderValue> {
    let protocol = only(headers, &UPGRADE)?;
    let is_proposed = match protocol.as_bytes() {
        websocket if websocket.eq_ignore_ascii_case(b"websocket") => {
            is_websocket_upgrade(method, version, headers)
        }
        _ => {
            version == Version::HTTP_11
                && matches!(*method, Method::GET | Method::POST)
                && names_upgrade(headers)
                && has_no_body(headers)
        }
    };
    is_proposed.then_some(protocol)
}

/// What is sent of a body before the answer would be a part of it to one side, and of the tunnel to
/// the other.
pub(super) fn has_no_body(headers: &HeaderMap) -> bool {
    let is_zero = || only(headers, &CONTENT_LENGTH).is_some_and(|length| length == "0");
    !headers.contains_key(TRANSFER_ENCODING) && (!headers.contains_key(CONTENT_LENGTH) || is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(method: &Method, version: Version, fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        proposed_upgrade(method, version, &headers).is_some()
    }

    const SPDY: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];

    #[test]
    fn one_protocol_is_proposed_without_a_body() {
        for method in [Method::GET, Method::POST] {
            assert!(proposed(&method, Version::HTTP_11, &SPDY));
            let with_length = [SPDY[0], SPDY[1], ("content-length", "0")];
            assert!(proposed(&method, Version::HTTP_11, &with_length));
        }
    }

    #[test]
    fn w3_anything_less_proposes_nothing() {
        assert!(!proposed(&Method::PUT, Version::HTTP_11, &SPDY));
        assert!(!proposed(&Method::HEAD, Version::HTTP_11, &SPDY));
        assert!(!proposed(&Method::POST, Version::HTTP_10, &SPDY));
        assert!(!proposed(&Method::POST, Version::HTTP_2, &SPDY));
        assert!(!proposed(&Method::POST, Version::HTTP_11, &SPDY[..1]));
        assert!(!proposed(&Method::POST, Version::HTTP_11, &SPDY[1..]));
        for further in [
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("upgrade", "SPDY/3.1"),
        ] {
            let fields = [SPDY[0], SPDY[1], further];
            assert!(!proposed(&Method::POST, Version::HTTP_11, &fields), "{further:?}");
        }
        // A WebSocket needs its own handshake.
        let websocket = [SPDY[0], ("upgrade", "WebSocket")];
        assert!(!proposed(&Method::GET, Version::HTTP_11, &websocket));
    }
}
