//! Sending a request again that got no answer (threats F-13).

use std::rc::Rc;

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};

use crate::proxy::{
    body::{RequestBody, UploadProgress},
    upstream::settings::RetryRule,
};

impl RetryRule {
    /// Whether a request of that method may be sent again, though the upstream may have acted on
    /// it. An upstream may do so as often as it likes with methods that are idempotent
    /// (RFC 9110 §9.2.2).
    pub(super) fn allows(self, method: &Method) -> bool {
        match self {
            Self::None => false,
            Self::Idempotent => method.is_idempotent(),
            Self::Unanswered => true,
        }
    }
}

/// The head of a request, to be sent again. The copy costs a thousand instructions.
pub(super) fn copied_head<B>(request: &Request<B>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The request whose head we have written, without its body.
///
/// It is read back from its bytes, which is cheaper than a copy of each head that is sent.
pub(super) fn written_request(head: &[u8]) -> Option<Request<()>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r"));
    let mut request = request_line(lines.next()??)?;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            return Some(request);
        }
        let (name, value) = field(line)?;
        request.headers_mut().append(name, value);
    }
    None
}

/// The body of a request that was sent. `None`: some of it has been read from the client, or it has
/// not been let go.
pub(super) fn same_body(progress: Option<&Rc<UploadProgress>>) -> Option<RequestBody> {
    match progress {
        None => Some(RequestBody::empty()),
        Some(progress) => RequestBody::untouched(progress),
    }
}

fn request_line(line: &[u8]) -> Option<Request<()>> {
    let mut parts = line.split(|byte| *byte == b' ');
    let method = Method::from_bytes(parts.next()?).ok()?;
    let target = Uri::try_from(parts.next()?).ok()?;
    let is_http11 = parts.next()? == b"HTTP/1.1" && parts.next().is_none();
    let request = Request::builder().method(method).uri(target).version(Version::HTTP_11);
    is_http11.then(|| request.body(()).ok())?
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let value = value.strip_prefix(b": ")?;
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_as_it_was_written() {
        let head = b"PUT /a%20b?c=d HTTP/1.1\r\nhost: api.test\r\ncookie: a=b: c\r\nx-empty: \r\n\
                     x-many: 1\r\nx-many: 2\r\nx-bytes: \xfc:\r\n\r\nand a body\r\n\r\n";
        let request = written_request(head).unwrap();
        assert_eq!((request.method(), request.version()), (&Method::PUT, Version::HTTP_11));
        assert_eq!(request.uri(), "/a%20b?c=d");
        let fields: Vec<_> =
            request.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let expected: [(&str, &[u8]); 6] = [
            ("host", b"api.test"),
            ("cookie", b"a=b: c"),
            ("x-empty", b""),
            ("x-many", b"1"),
            ("x-many", b"2"),
            ("x-bytes", b"\xfc:"),
        ];
        assert_eq!(fields, expected);
        assert_eq!(written_request(b"OPTIONS * HTTP/1.1\r\n\r\n").unwrap().uri(), "*");
    }

    #[test]
    fn what_is_no_whole_head_is_no_request() {
        for head in [
            "",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nhost: api.test\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET / HTTP/1.1\r\nhost\r\n\r\n",
            "GET / HTTP/1.1\n\n",
        ] {
            assert!(written_request(head.as_bytes()).is_none(), "{head:?}");
        }
    }

    #[test]
    fn methods_are_repeated_as_the_rule_says() {
        let allowed = |rule: RetryRule| {
            ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "LOCK"]
                .into_iter()
                .filter(|name| rule.allows(&name.parse().unwrap()))
                .count()
        };
        assert_eq!(allowed(RetryRule::None), 0);
        assert_eq!(allowed(RetryRule::Idempotent), 6);
        assert_eq!(allowed(RetryRule::Unanswered), 9);
    }
}
