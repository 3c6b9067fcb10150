//! Messages of HTTP/1.1 as a client writes and reads them (RFC 9112): the head of a request, the
//! head of an answer, and the body behind it. Pure: bytes in, messages out, and no socket.
//!
//! What is refused here and what is read although it is not how we would write it stands in
//! `docs/security.md`.

mod chunked;
mod decoder;
mod head;
mod length;
mod request;

pub use crate::wire::framing::MisframedAnswer;
pub use decoder::{BodyDecoder, MalformedBody};
pub use head::{AnswerHead, HeadReader, MalformedHead};
pub use length::BodyLength;
pub(crate) use request::{Framed, write_field, write_head, write_line};

/// How large a head may be, and the trailers of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Of all lines together, their ends included; over HTTP/2 of the header list (RFC 9113
    /// §6.5.2).
    pub bytes: usize,
    /// Header lines, without the status line.
    pub lines: usize,
}
