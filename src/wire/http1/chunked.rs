//! The chunked transfer coding (RFC 9112 §7.1), read byte by byte outside of the data.

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;

use super::{HeadLimits, MalformedBody, head};

/// Digits of a chunk's size: as many as fit into 64 bits.
const MAX_DIGITS: u32 = 16;

/// Fewer bytes of chunk extensions are read in one body. No known peer gives them a meaning.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// Ends a body, and with it the trailers.
const LAST_LINE: &[u8] = b"\r\n";

/// Reads a body in chunks.
#[derive(Debug)]
pub(super) struct ChunkedDecoder {
    state: ChunkState,
    limits: HeadLimits,
    /// Bytes of extensions so far.
    extensions: usize,
    /// The trailers' lines so far, as they came.
    trailers: Vec<u8>,
    lines: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// The size of a chunk, of which so many digits were read.
    Size {
        digits: u32,
        size: u64,
    },
    /// White space behind a size.
    SizeEnd(u64),
    Extension(u64),
    SizeLineFeed(u64),
    Data(u64),
    DataReturn,
    DataLineFeed,
    /// A trailer's line, or the empty one.
    Line,
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    End,
}

impl ChunkedDecoder {
    pub(super) fn new(limits: HeadLimits) -> Self {
        let state = ChunkState::Size { digits: 0, size: 0 };
        Self { state, limits, extensions: 0, trailers: Vec::new(), lines: 0 }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == ChunkState::End
    }

    /// Takes the next frame off what was received. `None`: there is none in it, and it was taken.
    pub(super) fn next(
        &mut self,
        received: &mut Bytes,
    ) -> Result<Option<Frame<Bytes>>, MalformedBody> {
        if self.has_ended() {
            return Ok(None);
        }
        if !matches!(self.state, ChunkState::Data(_)) {
            self.read_framing(received)?;
        }
        match self.state {
            ChunkState::Data(left) if !received.is_empty() => {
                Ok(Some(Frame::data(self.data(left, received))))
            }
            ChunkState::End if !self.trailers.is_empty() => self.trailers().map(Some),
            _ => Ok(None),
        }
    }

    fn data(&mut self, left: u64, received: &mut Bytes) -> Bytes {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(received.len());
        let left = left.saturating_sub(length as u64);
        self.state = if left == 0 { ChunkState::DataReturn } else { ChunkState::Data(left) };
        received.split_to(length)
    }

    /// Reads up to the data of a chunk, or to the end.
    fn read_framing(&mut self, received: &mut Bytes) -> Result<(), MalformedBody> {
        let mut taken = 0;
        for byte in received.iter() {
            taken += 1;
            self.state = self.step(*byte)?;
            if matches!(self.state, ChunkState::Data(_) | ChunkState::End) {
                break;
            }
        }
        received.advance(taken);
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<ChunkState, MalformedBody> {
        match (self.state, byte) {
            (ChunkState::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                digit(digits, size, byte)
            }
            (ChunkState::Size { digits: 0, .. }, _) => Err(MalformedBody::ChunkSize),
            (ChunkState::Size { size, .. } | ChunkState::SizeEnd(size), b'\t' | b' ') => {
                Ok(ChunkState::SizeEnd(size))
            }
            (ChunkState::Size { size, .. } | ChunkState::SizeEnd(size), b';') => {
                Ok(ChunkState::Extension(size))
            }
            (
                ChunkState::Size { size, .. }
                | ChunkState::SizeEnd(size)
                | ChunkState::Extension(size),
                b'\r',
            ) => Ok(ChunkState::SizeLineFeed(size)),
            (ChunkState::Extension(size), _) => self.extension(size, byte),
            (ChunkState::SizeLineFeed(0), b'\n') => Ok(ChunkState::Line),
            (ChunkState::SizeLineFeed(size), b'\n') => Ok(ChunkState::Data(size)),
            (ChunkState::DataReturn, b'\r') => Ok(ChunkState::DataLineFeed),
            (ChunkState::DataLineFeed, b'\n') => Ok(ChunkState::Size { digits: 0, size: 0 }),
            (ChunkState::Line, b'\r') => Ok(ChunkState::LastLineFeed),
            (ChunkState::LastLineFeed, b'\n') => Ok(ChunkState::End),
            (ChunkState::Line | ChunkState::Trailer | ChunkState::TrailerLineFeed, _) => {
                self.trailer(byte)
            }
            _ => Err(MalformedBody::Chunk),
        }
    }

    fn extension(&mut self, size: u64, byte: u8) -> Result<ChunkState, MalformedBody> {
        self.extensions += 1;
        if self.extensions >= MAX_EXTENSIONS {
            return Err(MalformedBody::Extensions);
        }
        // A reader that takes a bare line feed for the line's end would see other chunks.
        let is_text = byte == b'\t' || !byte.is_ascii_control();
        if is_text { Ok(ChunkState::Extension(size)) } else { Err(MalformedBody::Chunk) }
    }

    fn trailer(&mut self, byte: u8) -> Result<ChunkState, MalformedBody> {
        self.trailers.push(byte);
        if self.trailers.len() + LAST_LINE.len() >= self.limits.bytes {
            return Err(MalformedBody::TrailersTooLarge);
        }
        match (self.state, byte) {
            (ChunkState::TrailerLineFeed, b'\n') => {
                self.lines += 1;
                if self.lines > self.limits.lines {
                    return Err(MalformedBody::TrailersTooLarge);
                }
                Ok(ChunkState::Line)
            }
            (ChunkState::TrailerLineFeed, _) | (_, b'\n') => Err(MalformedBody::Chunk),
            (ChunkState::Trailer, b'\r') => Ok(ChunkState::TrailerLineFeed),
            _ => Ok(ChunkState::Trailer),
        }
    }

    fn trailers(&mut self) -> Result<Frame<Bytes>, MalformedBody> {
        let mut lines = std::mem::take(&mut self.trailers);
        lines.extend_from_slice(LAST_LINE);
        let trailers: HeaderMap = head::trailers(&lines, self.lines)?;
        Ok(Frame::trailers(trailers))
    }
}

fn digit(digits: u32, size: u64, digit: u8) -> Result<ChunkState, MalformedBody> {
    let digits = digits + 1;
    let value = char::from(digit).to_digit(16).ok_or(MalformedBody::ChunkSize)?;
    let size = size.checked_mul(16).and_then(|size| size.checked_add(u64::from(value)));
    match size {
        Some(size) if digits <= MAX_DIGITS => Ok(ChunkState::Size { digits, size }),
        _ => Err(MalformedBody::ChunkSize),
    }
}
