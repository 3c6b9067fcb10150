//! The framing of an upstream's answer. It ends here: what the client receives is framed by us,
//! from the length that was obeyed or from the end of the body. An answer that contradicts itself
//! is refused, since its end is unknown (RFC 9112 §6.3).

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    response::Parts,
};
use http_body::Frame;

use super::{is_chunked, is_token, length};

/// Why an answer can't be passed on as a message with one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MisframedAnswer {
    /// Two lengths that differ, or what is no length at all.
    #[error("Content-Length is not one decimal number")]
    Length,
    /// One of the two is wrong, and which one is not known.
    #[error("Content-Length beside Transfer-Encoding")]
    LengthAndCoding,
    /// We accept no other coding (`TE`), and would lose its name while its bytes go on.
    #[error("Transfer-Encoding is not just \"chunked\"")]
    Coding,
    /// HTTP/1.0 has no transfer codings (RFC 9112 §6.1).
    #[error("Transfer-Encoding in an answer of HTTP/1.0")]
    CodingInHttp10,
    /// 1xx and 204 end with their head, and must not state otherwise (RFC 9110 §8.6, RFC 9112
    /// §6.1).
    #[error("status {} has no body, and a header announces one", .0.as_u16())]
    BodyAnnounced(StatusCode),
    /// HTTP/1.1 could not carry it.
    #[error("a header's or trailer's name is no token")]
    FieldName,
}

/// What an answer says about the length of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatedLength {
    Nowhere,
    Bytes(u64),
    Chunked,
}

/// Checks what an upstream's answer says about its own length, and leaves at most one canonical
/// `Content-Length`. `Transfer-Encoding` is left to the hygiene of hop-by-hop headers.
pub(crate) fn check_answer(head: &mut Parts) -> Result<StatedLength, MisframedAnswer> {
    // A name of HTTP/1.1 was read as a token.
    let any_name = head.version == Version::HTTP_2;
    let (mut lengths, mut codings) = (0, 0);
    let (mut is_canonical, mut stated) = (true, StatedLength::Nowhere);
    for (name, value) in &head.headers {
        match *name {
            CONTENT_LENGTH => {
                lengths += 1;
                match length::canonical(value) {
                    Some(bytes) => stated = StatedLength::Bytes(bytes),
                    None => is_canonical = false,
                }
            }
            TRANSFER_ENCODING => {
                codings += 1;
                if codings > 1 || !is_chunked(value) {
                    return Err(MisframedAnswer::Coding);
                }
            }
            _ if any_name && !is_token(name) => return Err(MisframedAnswer::FieldName),
            _ => {}
        }
    }
    if codings > 0 {
        check_coding(head, lengths > 0)?;
        return Ok(StatedLength::Chunked);
    }
    let ends_with_head = lengths > 0 && ends_with_head(head.status);
    if lengths > 1 || !is_canonical || ends_with_head {
        return rewrite_length(head).map(StatedLength::Bytes);
    }
    Ok(stated)
}

/// Checks the trailers of an answer; its data is what it is.
pub(crate) fn check_frame(frame: &Frame<Bytes>) -> Result<(), MisframedAnswer> {
    let are_tokens = |trailers: &HeaderMap| trailers.keys().all(is_token);
    match frame.trailers_ref() {
        Some(trailers) if !are_tokens(trailers) => Err(MisframedAnswer::FieldName),
        _ => Ok(()),
    }
}

fn check_coding(head: &Parts, has_length: bool) -> Result<(), MisframedAnswer> {
    if head.version == Version::HTTP_10 {
        return Err(MisframedAnswer::CodingInHttp10);
    }
    if has_length {
        return Err(MisframedAnswer::LengthAndCoding);
    }
    if ends_with_head(head.status) {
        return Err(MisframedAnswer::BodyAnnounced(head.status));
    }
    Ok(())
}

/// Writes the number that is obeyed in place of its spelling. An answer to `HEAD` and a 304 keep
/// theirs, although it frames nothing; on a status that ends with its head, only 0 may be there,
/// and is left out.
fn rewrite_length(head: &mut Parts) -> Result<u64, MisframedAnswer> {
    let stated = length::stated(head.headers.get_all(CONTENT_LENGTH).iter());
    let length = stated.ok_or(MisframedAnswer::Length)?;
    if !ends_with_head(head.status) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    } else if length == 0 {
        head.headers.remove(CONTENT_LENGTH);
    } else {
        return Err(MisframedAnswer::BodyAnnounced(head.status));
    }
    Ok(length)
}

fn ends_with_head(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT
}
