//! Which requests are a handshake of the WebSocket protocol.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};

use super::upgrade::has_no_body;

/// base64 of 16 bytes (RFC 6455 §4.1).
const KEY_LENGTH: usize = 24;

/// Whether a request is a proper WebSocket handshake (RFC 6455 §4.2.1): `GET` in HTTP/1.1 without a
/// body, with one valid header of each kind.
pub(crate) fn is_websocket_upgrade(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    let is = |name: HeaderName, wanted: &str| {
        only(headers, &name)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    *method == Method::GET
        && version == Version::HTTP_11
        && is(UPGRADE, "websocket")
        && is(SEC_WEBSOCKET_VERSION, "13")
        && only(headers, &SEC_WEBSOCKET_KEY).is_some_and(|key| is_key(key.as_bytes()))
        && names_upgrade(headers)
        && has_no_body(headers)
}

/// The value of a header that is there exactly once.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    match values.next() {
        None => Some(first),
        Some(_) => None,
    }
}

fn is_key(value: &[u8]) -> bool {
    value.len() == KEY_LENGTH
        && value.strip_suffix(b"==").is_some_and(|key| {
            key.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        })
}

pub(super) fn names_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDSHAKE: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut changed = headers(&HANDSHAKE);
        changed.insert(name, HeaderValue::from_static(value));
        changed
    }

    fn is_upgrade(headers: &HeaderMap) -> bool {
        is_websocket_upgrade(&Method::GET, Version::HTTP_11, headers)
    }

    #[test]
    fn a_proper_handshake_is_recognised() {
        assert!(is_upgrade(&headers(&HANDSHAKE)));
        assert!(is_upgrade(&with("content-length", "0")));
    }

    #[test]
    fn w3_anything_less_is_no_upgrade() {
        for (at, missing) in HANDSHAKE.iter().enumerate() {
            let mut pairs = HANDSHAKE.to_vec();
            pairs.remove(at);
            assert!(!is_upgrade(&headers(&pairs)), "without {missing:?}");
        }
        for (name, value) in [
            ("upgrade", "h2c"),
            ("upgrade", "websocket, h2c"),
            ("connection", "close"),
            ("connection", "not-upgrade"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "short=="),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ##"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
        ] {
            assert!(!is_upgrade(&with(name, value)), "{name}: {value}");
        }
        let mut twice = headers(&HANDSHAKE);
        twice.append("upgrade", HeaderValue::from_static("h2c"));
        assert!(!is_upgrade(&twice));
    }

    #[test]
    fn f9_only_get_in_http_1_1_upgrades() {
        let handshake = headers(&HANDSHAKE);
        assert!(!is_websocket_upgrade(&Method::POST, Version::HTTP_11, &handshake));
        assert!(!is_websocket_upgrade(&Method::GET, Version::HTTP_10, &handshake));
        assert!(!is_websocket_upgrade(&Method::GET, Version::HTTP_2, &handshake));
    }
}
