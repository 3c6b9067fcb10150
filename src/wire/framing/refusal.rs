//! Which header line of a request is refused.

use http::{
    HeaderName, Request,
    header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
};

use super::{super::http1::HeadLimits, field_section, is_token, length, lines};
use crate::reason::{Cause, Excerpt, Fault, Part, Reason, Subject};

/// What is said of a request that [`check`](super::check) refuses. Looks at the headers once more.
#[cold]
pub(crate) fn cause<B>(reason: Reason, request: &Request<B>, limits: HeadLimits) -> Cause {
    let headers = request.headers();
    match reason {
        Reason::HeadTooLong => reason.about(long_section(request, limits.bytes)),
        Reason::HeaderLinesExceeded => {
            let subject = Subject::new(Part::Headers, Fault::TooMany)
                .found(Excerpt::own(format_args!("{} lines", lines(headers))))
                .expected(Excerpt::own(format_args!("at most {}", limits.lines)));
            reason.about(subject.setting("server.limits.header_lines"))
        }
        Reason::FramingNotAllowed => {
            let lengths = headers.get_all(CONTENT_LENGTH);
            let is_length_wrong = lengths.iter().count() > 1
                || lengths.iter().any(|value| length::canonical(value).is_none());
            reason.about(if is_length_wrong {
                header(&CONTENT_LENGTH, "one plain number")
            } else {
                header(&TRANSFER_ENCODING, "'chunked' alone")
            })
        }
        Reason::ExpectationNotSupported => reason.about(header(&EXPECT, "'100-continue'")),
        Reason::HeaderNotAllowed => match headers.keys().find(|name| !is_token(name)) {
            Some(name) => {
                let subject = Subject::new(Part::Header, Fault::Malformed);
                reason.about(subject.named_by_client(name.as_str()))
            }
            None => reason.into(),
        },
        other => other.into(),
    }
}

fn header(name: &HeaderName, expected: &str) -> Subject {
    let expected = Excerpt::own(format_args!("{expected}"));
    Subject::new(Part::Header, Fault::NotAllowed).named(name.as_str()).expected(expected)
}

fn long_section<B>(request: &Request<B>, most: usize) -> Subject {
    let (name, bytes) = field_section::largest(request);
    let all = field_section::size(request);
    Subject::new(Part::Header, Fault::TooLong)
        .named_by_client(name)
        .found(Excerpt::own(format_args!("{bytes} bytes, and {all} of all fields")))
        .expected(Excerpt::own(format_args!("at most {most} bytes of all fields")))
        .setting("server.limits.header_bytes")
}
