//! The first bytes of a connection on a port that speaks both versions of HTTP.

use super::{HTTP2_PREFACE, Protocol};

/// What begins the preface of HTTP/2. As a method, `PRI` is reserved (RFC 9113 §11.6).
const PREFACE_METHOD: &[u8] = b"PRI ";

/// Which protocol the bytes begin; `None`: neither, and there is no answer that the client would
/// understand. RFC 9112 §2.2 wants a 400 only for what appears to be an HTTP/1.1 request, and
/// RFC 9113 §3.4 needs no GOAWAY for a broken preface.
pub(super) fn protocol(bytes: &[u8]) -> Option<Protocol> {
    if bytes.starts_with(HTTP2_PREFACE) {
        return Some(Protocol::Http2);
    }
    let is_broken = bytes.starts_with(PREFACE_METHOD) || first_line(bytes).is_some_and(is_foreign);
    (!is_broken).then_some(Protocol::Http1)
}

/// The first line, if it is here as a whole. Empty ones before it are skipped (RFC 9112 §2.2).
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.trim_ascii_start();
    bytes.iter().position(|byte| *byte == b'\n').and_then(|end| bytes.get(..end))
}

/// Whether a line does not end with a version of HTTP, in whatever case.
fn is_foreign(line: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/";
    let last = line.trim_ascii_end().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    !last.get(..VERSION.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f5_a_preface_and_a_request_line_are_told_apart() {
        assert_eq!(protocol(HTTP2_PREFACE), Some(Protocol::Http2));
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.0\nhost: a",
            "GET / http/1.1\r\n",
            "GET / HTTP/3 \r\n",
            // Not here as a whole: whatever reads on judges it.
            "GET / HT",
            "P",
            "\r\n\r\n",
            "",
        ] {
            assert_eq!(protocol(request.as_bytes()), Some(Protocol::Http1), "{request}");
        }
    }

    #[test]
    fn f5_what_begins_neither_protocol_has_no_answer() {
        for bytes in [
            &b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..],
            b"PRI * HTTP/1.1\r\nhost: a\r\n\r\n",
            b"INVALID CONNECTION PREFACE\r\n\r\n",
            b"GET /\r\n",
            b"GET / HTTP/1.1 x\r\n",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n",
        ] {
            assert_eq!(protocol(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
