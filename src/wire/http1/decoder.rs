//! The body of an answer, taken out of what is received.

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{BodyLength, HeadLimits, MalformedHead, chunked::ChunkedDecoder};

/// Why a body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedBody {
    /// The connection ended before the body.
    #[error("the answer breaks off")]
    Truncated,
    /// A chunk's size is no hexadecimal number of at most 16 digits.
    #[error("the size of a chunk is no number")]
    ChunkSize,
    /// What is around a chunk is not as RFC 9112 §7.1 has it.
    #[error("a chunk or trailer does not end with its line")]
    Chunk,
    /// Too many bytes of chunk extensions.
    #[error("too many chunk extensions")]
    Extensions,
    /// More bytes or lines of trailers than a head may have.
    #[error("the trailers are too large")]
    TrailersTooLarge,
    /// A trailer that is none.
    #[error("malformed trailers: {0}")]
    Trailers(#[from] MalformedHead),
}

/// Decodes one body.
#[derive(Debug)]
pub struct BodyDecoder(Kind);

#[derive(Debug)]
enum Kind {
    /// So many bytes are left.
    Exact(u64),
    Chunked(Box<ChunkedDecoder>),
    UntilClose,
}

impl BodyDecoder {
    /// `limits` are those of trailers.
    pub fn new(length: BodyLength, limits: HeadLimits) -> Self {
        Self(match length {
            BodyLength::Nothing => Kind::Exact(0),
            BodyLength::Exact(bytes) => Kind::Exact(bytes),
            BodyLength::Chunked => Kind::Chunked(Box::new(ChunkedDecoder::new(limits))),
            BodyLength::UntilClose => Kind::UntilClose,
        })
    }

    /// Whether the last byte of the body was taken. What was received behind it is no part of it.
    pub fn has_ended(&self) -> bool {
        match &self.0 {
            Kind::Exact(left) => *left == 0,
            Kind::Chunked(chunked) => chunked.has_ended(),
            Kind::UntilClose => false,
        }
    }

    /// Takes the next frame off what was received. `None`: the body has ended, or more has to be
    /// received; then all of it was taken.
    ///
    /// # Errors
    /// What was received is no such body.
    pub fn next(&mut self, received: &mut Bytes) -> Result<Option<Frame<Bytes>>, MalformedBody> {
        if received.is_empty() {
            return Ok(None);
        }
        match &mut self.0 {
            Kind::Exact(0) => Ok(None),
            Kind::Exact(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(received.len());
                *left = left.saturating_sub(length as u64);
                Ok(Some(Frame::data(received.split_to(length))))
            }
            Kind::Chunked(chunked) => chunked.next(received),
            Kind::UntilClose => Ok(Some(Frame::data(std::mem::take(received)))),
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// That is not the body's end.
    pub fn close(&mut self) -> Result<(), MalformedBody> {
        if matches!(self.0, Kind::UntilClose) {
            self.0 = Kind::Exact(0);
        }
        if self.has_ended() { Ok(()) } else { Err(MalformedBody::Truncated) }
    }

    /// How many bytes are left.
    pub fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Exact(left) => SizeHint::with_exact(*left),
            Kind::Chunked(chunked) if chunked.has_ended() => SizeHint::with_exact(0),
            Kind::Chunked(_) | Kind::UntilClose => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests;
