//! Heads of requests that h2 answers by itself, recognised in the frames that it sends.

use std::{cell::Cell, collections::VecDeque, rc::Rc};

use super::{
    FrameHead,
    flag::{END_HEADERS, END_STREAM},
    kind,
};

/// How many there were since it was looked at.
#[derive(Debug, Default)]
pub(crate) struct RefusedHeads {
    /// Of heads that are not HTTP: their streams were reset.
    pub(crate) malformed: Cell<u32>,
    /// Of heads that are larger than h2 reads them: they were answered with 431, or ended the
    /// connection.
    pub(crate) too_long: Cell<u32>,
    /// Whether the connection has ended with one.
    pub(crate) last_was_too_long: Cell<bool>,
}

/// Follows the frames that are sent.
#[derive(Debug)]
pub(super) struct RefusedHeadFinder {
    found: Rc<RefusedHeads>,
    /// The streams whose answers have begun and not ended.
    answered: VecDeque<u32>,
    /// The streams whose heads were too long. h2 resets those that their clients have not ended.
    too_long: VecDeque<u32>,
    /// The bound of either: more streams than a client may have at a time.
    most: usize,
}

/// An error code of `RST_STREAM`.
const PROTOCOL_ERROR: u32 = 1;

/// What h2's own 431 has at most: two changes of the table's size, and `:status` in full.
const MAX_BARE_HEAD_BYTES: u32 = 16;

/// What a GOAWAY of h2's says of a head that is several times as long as it reads, and of one in
/// more CONTINUATION frames than that takes.
const LONG_HEADS: [&[u8]; 2] = [b"header_list_way_too_large", b"too_many_continuations"];

/// Where that is in the payload: behind the last stream and the error code.
const GOAWAY_DEBUG_DATA: usize = 8;

impl RefusedHeadFinder {
    pub(super) fn new(streams: u32, found: Rc<RefusedHeads>) -> Self {
        let most = usize::try_from(streams).unwrap_or(usize::MAX);
        Self { found, answered: VecDeque::new(), too_long: VecDeque::new(), most }
    }

    /// The client has reset a stream.
    pub(super) fn reset_by_client(&mut self, stream: u32) {
        take(&mut self.answered, stream);
    }

    /// A frame was sent; `bytes` begin with its payload. `last_upload`: the stream of the last DATA
    /// frame from the client.
    pub(super) fn sent(&mut self, frame: &FrameHead, bytes: &[u8], last_upload: u32) {
        match frame.kind {
            kind::HEADERS if frame.has(END_STREAM) => self.answer_ends(frame, bytes),
            // An interim answer has begun it before.
            kind::HEADERS if !self.answered.contains(&frame.stream) => {
                keep(&mut self.answered, frame.stream, self.most);
            }
            kind::DATA if frame.has(END_STREAM) => {
                take(&mut self.answered, frame.stream);
            }
            kind::RST_STREAM => self.reset(frame.stream, bytes, last_upload),
            kind::GOAWAY => self.connection_ends(frame, bytes),
            _ => {}
        }
    }

    /// The error of a connection has lost what its GOAWAY says.
    fn connection_ends(&self, frame: &FrameHead, bytes: &[u8]) {
        let payload = bytes.get(..frame.length as usize).unwrap_or_default();
        let debug_data = payload.get(GOAWAY_DEBUG_DATA..).unwrap_or_default();
        if LONG_HEADS.contains(&debug_data) {
            self.found.too_long.update(|count| count + 1);
            self.found.last_was_too_long.set(true);
        }
    }

    /// With trailers, or with a head without a body.
    fn answer_ends(&mut self, frame: &FrameHead, bytes: &[u8]) {
        if !take(&mut self.answered, frame.stream) && is_bare(frame, bytes) {
            self.found.too_long.update(|count| count + 1);
            keep(&mut self.too_long, frame.stream, self.most);
        }
    }

    /// h2 resets a stream with this code for a malformed head, and for a body of another length
    /// than was announced.
    fn reset(&mut self, stream: u32, code: &[u8], last_upload: u32) {
        let was_answered = take(&mut self.answered, stream) || take(&mut self.too_long, stream);
        let is_violation = code.starts_with(&PROTOCOL_ERROR.to_be_bytes());
        if is_violation && !was_answered && stream != last_upload {
            self.found.malformed.update(|count| count + 1);
        }
    }
}

/// Takes out what is there.
fn take(streams: &mut VecDeque<u32>, stream: u32) -> bool {
    let position = streams.iter().position(|&other| other == stream);
    position.and_then(|position| streams.remove(position)).is_some()
}

/// The oldest gives way.
fn keep(streams: &mut VecDeque<u32>, stream: u32, most: usize) {
    if streams.len() >= most {
        streams.pop_front();
    }
    streams.push_back(stream);
}

/// Whether a head has one field only. An answer of hyper's has a `Date` besides its status.
fn is_bare(frame: &FrameHead, bytes: &[u8]) -> bool {
    let is_whole = frame.has(END_HEADERS) && frame.length <= MAX_BARE_HEAD_BYTES;
    let block = bytes.get(..frame.length as usize);
    is_whole && block.is_some_and(|block| has_one_field(block) == Some(true))
}

/// `None`: no header block (RFC 7541 §6).
fn has_one_field(mut block: &[u8]) -> Option<bool> {
    const SIZE_UPDATE: std::ops::Range<u8> = 0x20..0x40;
    while SIZE_UPDATE.contains(block.first()?) {
        integer(&mut block, 5)?;
    }
    skip_field(&mut block)?;
    Some(block.is_empty())
}

fn skip_field(block: &mut &[u8]) -> Option<()> {
    let (prefix, is_indexed) = match block.first()? {
        0x80.. => (7, true),
        0x40.. => (6, false),
        _ => (4, false),
    };
    let name = integer(block, prefix)?;
    if is_indexed {
        return Some(());
    }
    if name == 0 {
        skip_string(block)?;
    }
    skip_string(block)
}

fn skip_string(block: &mut &[u8]) -> Option<()> {
    let length = integer(block, 7)?;
    *block = block.get(length..)?;
    Some(())
}

/// An integer in the last `prefix` bits of a byte and those that follow (RFC 7541 §5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, mut rest) = block.split_first()?;
    let full = (1 << prefix) - 1;
    let mut value = usize::from(first & full);
    if value == usize::from(full) {
        for shift in (0..28).step_by(7) {
            let (byte, further) = rest.split_first()?;
            rest = further;
            value += usize::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                *block = rest;
                return Some(value);
            }
        }
        return None;
    }
    *block = rest;
    Some(value)
}

#[cfg(test)]
mod tests;
