//! The framing of messages, with only one interpretation: lengths, transfer codings, and the names
//! and number of header lines. What hyper and h2 take is wider than what is passed on here.

mod answer;
mod field_section;
mod length;
mod refusal;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Version,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, TRANSFER_ENCODING},
};

use crate::reason::Reason;

use super::http1::HeadLimits;

pub use answer::MisframedAnswer;
pub(crate) use answer::{StatedLength, check_answer, check_frame};
pub(crate) use length::canonical as canonical_length;
pub(crate) use refusal::cause;

/// Refuses what hyper would read although there is more than one meaning for it (threats F-2, F-3,
/// F-11), and a head above its limits (F-14). hyper has checked the bytes of one over HTTP/1.1.
///
/// A `Content-Length` goes on as it came: the upstream reads the spelling that was obeyed here, so
/// only the one that every reader takes for the same number may pass. `Content-Length` beside
/// `Transfer-Encoding` (F-1) does not get here: hyper drops the length and closes the connection
/// after the answer (RFC 9112 §6.1).
pub(crate) fn check<B>(request: &Request<B>, limits: HeadLimits) -> Result<(), Reason> {
    let headers = request.headers();
    if headers.len() > limits.lines && lines(headers) > limits.lines {
        return Err(Reason::HeaderLinesExceeded);
    }
    // A name of HTTP/1.1 was read as a token.
    let any_name = request.version() == Version::HTTP_2;
    if any_name && field_section::size(request) > limits.bytes {
        return Err(Reason::HeadTooLong);
    }
    let (mut has_length, mut has_coding) = (false, false);
    for (name, value) in headers {
        match *name {
            CONTENT_LENGTH if has_length || length::canonical(value).is_none() => {
                return Err(Reason::FramingNotAllowed);
            }
            TRANSFER_ENCODING if has_coding || !is_chunked(value) => {
                return Err(Reason::FramingNotAllowed);
            }
            EXPECT if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                return Err(Reason::ExpectationNotSupported);
            }
            CONTENT_LENGTH => has_length = true,
            TRANSFER_ENCODING => has_coding = true,
            _ if any_name && !is_token(name) => return Err(Reason::HeaderNotAllowed),
            _ => {}
        }
    }
    Ok(())
}

/// How many header lines there are. HTTP/2 splits `Cookie` into a field for each cookie, which are
/// one line over HTTP/1.1 (RFC 9113 §8.2.3).
fn lines(headers: &HeaderMap) -> usize {
    let cookies = headers.get_all(COOKIE).iter().count();
    headers.len() - cookies.saturating_sub(1)
}

fn is_chunked(coding: &HeaderValue) -> bool {
    coding.as_bytes().eq_ignore_ascii_case(b"chunked")
}

/// Whether a name is a token (RFC 9110 §5.1), which HTTP/1.1 needs to be written. The `http` crate
/// lets names of HTTP/2 have a `"`; nothing here depends on that being all.
fn is_token(name: &HeaderName) -> bool {
    name.as_str().bytes().all(is_token_byte)
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests;
