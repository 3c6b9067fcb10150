//! The head of a request.

use std::io::Write;

use http::{
    HeaderMap, HeaderName, Method, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::SizeHint;

use crate::wire::framing;

/// How the body behind a head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framed {
    /// There is none.
    Nothing,
    /// So many bytes.
    Exact(u64),
    /// In chunks.
    Chunked,
}

/// What a head usually takes beside the headers: the request line, the framing, further fields, and
/// a small body that is sent along.
const HEAD_BYTES: usize = 256;

/// What a field usually takes. To add up what these take costs more than to move a head that takes
/// more.
const FIELD_BYTES: usize = 48;

/// Appends the head of a request, whose body is `None` if there is none. What frames the body is
/// written here, from one number: the fields that came with the headers only say which.
/// `further_fields` writes those that are not among the headers.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    (method, target): (&Method, &Uri),
    headers: &HeaderMap,
    further_fields: impl FnOnce(&mut Vec<u8>),
    body: Option<SizeHint>,
) -> Framed {
    out.reserve(HEAD_BYTES + FIELD_BYTES * headers.len());
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let (mut is_coded, mut has_length, mut stated) = (false, false, None);
    for (name, value) in headers {
        match *name {
            CONTENT_LENGTH => (has_length, stated) = (true, framing::canonical_length(value)),
            TRANSFER_ENCODING => is_coded = true,
            _ => write_field(out, name, value.as_bytes()),
        }
    }
    further_fields(out);
    let framed = match body {
        None if has_length => Framed::Exact(0),
        None => Framed::Nothing,
        Some(_) if is_coded => Framed::Chunked,
        Some(hint) => stated.or_else(|| hint.exact()).map_or(Framed::Chunked, Framed::Exact),
    };
    write_framing(out, framed);
    out.extend_from_slice(b"\r\n");
    framed
}

/// Appends one field.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends one field, of whose line `start` is everything before the value.
#[inline]
pub(crate) fn write_line(out: &mut Vec<u8>, start: &'static [u8], value: &[u8]) {
    out.extend_from_slice(start);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_framing(out: &mut Vec<u8>, framed: Framed) {
    match framed {
        Framed::Nothing => {}
        Framed::Exact(bytes) => {
            // A vector takes everything.
            let _: Result<(), std::io::Error> = write!(out, "content-length: {bytes}\r\n");
        }
        Framed::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn written(fields: &[(&'static str, &[u8])], body: Option<SizeHint>) -> (String, Framed) {
        let fields = fields.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
        });
        let headers: HeaderMap = fields.collect();
        let mut out = Vec::new();
        let target = Uri::from_static("http://elsewhere.test/a%20b?c=d");
        let further = |out: &mut Vec<u8>| write_field(out, &HeaderName::from_static("x-id"), b"7");
        let framed = write_head(&mut out, (&Method::PUT, &target), &headers, further, body);
        (out.iter().copied().map(char::from).collect(), framed)
    }

    #[test]
    fn a_head_is_its_fields_as_they_are() {
        let fields: [(&str, &[u8]); 5] = [
            ("host", b"api.test"),
            ("x-empty", b""),
            ("x-many", b"1"),
            ("x-bytes", b"\xfc: \t"),
            ("x-many", b"2"),
        ];
        let (text, framed) = written(&fields, None);
        assert_eq!(framed, Framed::Nothing);
        assert_eq!(
            text,
            "PUT /a%20b?c=d HTTP/1.1\r\nhost: api.test\r\nx-empty: \r\nx-many: 1\r\nx-many: 2\r\n\
             x-bytes: \u{fc}: \t\r\nx-id: 7\r\n\r\n"
        );
    }

    #[test]
    fn f3_a_body_is_framed_once_from_what_is_known_of_it() {
        let unknown = || Some(SizeHint::default());
        let length = ("content-length", &b"5"[..]);
        let coded = ("transfer-encoding", &b"Chunked"[..]);
        for (fields, body, framed, line) in [
            (&[][..], None, Framed::Nothing, ""),
            (&[coded], None, Framed::Nothing, ""),
            (&[("content-length", &b"0"[..])], None, Framed::Exact(0), "content-length: 0\r\n"),
            (&[], Some(SizeHint::with_exact(7)), Framed::Exact(7), "content-length: 7\r\n"),
            (&[length], unknown(), Framed::Exact(5), "content-length: 5\r\n"),
            (&[], unknown(), Framed::Chunked, "transfer-encoding: chunked\r\n"),
            (&[coded, length], unknown(), Framed::Chunked, "transfer-encoding: chunked\r\n"),
            (
                &[("content-length", b"010")],
                unknown(),
                Framed::Chunked,
                "transfer-encoding: chunked\r\n",
            ),
        ] {
            let (text, found) = written(fields, body);
            assert_eq!(found, framed, "{fields:?}");
            let head = format!("PUT /a%20b?c=d HTTP/1.1\r\nx-id: 7\r\n{line}\r\n");
            assert_eq!(text, head, "{fields:?}");
        }
    }
}
