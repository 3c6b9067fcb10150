//! The frames of one direction of an HTTP/2 connection, recognised in its bytes (RFC 9113 §4.1).
//! hyper shows requests and bodies only; what a flood consists of never gets that far.

pub(crate) mod flood;
pub(crate) mod flood_reports;
pub(crate) mod guard;
mod own_settings;
pub(crate) mod refused_heads;

/// Frame types (RFC 9113 §6, RFC 9218 §7).
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const PRIORITY: u8 = 2;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PUSH_PROMISE: u8 = 5;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
    pub(super) const PRIORITY_UPDATE: u8 = 16;
}

/// Flags of frames. `END_STREAM` and an `ACK` are the same bit of different frames.
mod flag {
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
    pub(super) const PRIORITY: u8 = 32;
}

/// The length of a frame's head.
const HEAD_BYTES: usize = 9;

/// The length of the client's preface, which is checked elsewhere.
const PREFACE_BYTES: u32 = 24;

/// Dependency and weight in a HEADERS frame with that flag.
const PRIORITY_BYTES: u32 = 5;

/// A frame without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameHead {
    kind: u8,
    flags: u8,
    stream: u32,
    /// Of the payload, in bytes.
    length: u32,
    /// Bytes of the payload that are only there to fill it: padding, its length, a priority.
    filler: u32,
}

/// Follows frames through bytes, however these are cut.
#[derive(Debug)]
struct FrameFollower {
    position: FramePosition,
    /// Between a HEADERS frame and the CONTINUATION that ends its block.
    in_block: bool,
    /// How many frames are complete. A header block counts as one.
    complete: u64,
}

#[derive(Debug, Clone, Copy)]
enum FramePosition {
    /// This much of the preface is missing.
    Preface(u32),
    /// The first so many bytes of a head are here.
    Head([u8; HEAD_BYTES], usize),
    /// Behind the head of a padded frame.
    PaddingLength(FrameHead),
    /// So many bytes of the payload are missing.
    Payload(u32, PayloadKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PayloadKind {
    /// Of a DATA frame: a body has deadlines of its own.
    Body,
    Other,
}

const BETWEEN_FRAMES: FramePosition = FramePosition::Head([0; HEAD_BYTES], 0);

impl FrameHead {
    fn parse(bytes: [u8; HEAD_BYTES]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes;
        let has_priority = kind == kind::HEADERS && flags & flag::PRIORITY != 0;
        Self {
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
            length: u32::from_be_bytes([0, l0, l1, l2]),
            filler: if has_priority { PRIORITY_BYTES } else { 0 },
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether its payload begins with a length of padding.
    fn is_padded(&self) -> bool {
        let may_be = matches!(self.kind, kind::DATA | kind::HEADERS | kind::PUSH_PROMISE);
        may_be && self.has(flag::PADDED) && self.length > 0
    }

    fn padded_by(self, bytes: u8) -> Self {
        Self { filler: self.filler + u32::from(bytes) + 1, ..self }
    }

    /// The bytes of the payload that are more than filler.
    fn content(&self) -> u32 {
        self.length.saturating_sub(self.filler)
    }
}

impl FrameFollower {
    /// What a client sends: the preface first.
    fn of_client() -> Self {
        Self { position: FramePosition::Preface(PREFACE_BYTES), in_block: false, complete: 0 }
    }

    /// What a server sends.
    fn of_server() -> Self {
        Self { position: BETWEEN_FRAMES, in_block: false, complete: 0 }
    }

    /// The next frame that begins in `bytes`, which are taken up to its payload. `None`: they are
    /// all taken.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<FrameHead> {
        loop {
            match self.position {
                FramePosition::Preface(left) => self.skip(left, bytes, FramePosition::Preface)?,
                FramePosition::Payload(left, kind) => {
                    self.skip(left, bytes, |left| FramePosition::Payload(left, kind))?;
                    self.frame_ends();
                }
                FramePosition::Head(begun, have) => {
                    let head = FrameHead::parse(self.head(begun, have, bytes)?);
                    if !head.is_padded() {
                        return Some(self.payload_begins(head, head.length));
                    }
                    self.position = FramePosition::PaddingLength(head);
                }
                FramePosition::PaddingLength(head) => {
                    let (&padding, rest) = bytes.split_first()?;
                    *bytes = rest;
                    return Some(self.payload_begins(head.padded_by(padding), head.length - 1));
                }
            }
        }
    }

    /// The number of the frame that has begun and is not all here, or without which nothing can
    /// begin. `None`: the client may stay silent, or it is the payload of a DATA frame.
    fn unfinished(&self) -> Option<u64> {
        let waits = match self.position {
            FramePosition::Preface(_) | FramePosition::PaddingLength(_) => true,
            // SETTINGS are the first frame, and belong to the preface.
            FramePosition::Head(_, have) => have > 0 || self.in_block || self.complete == 0,
            FramePosition::Payload(_, kind) => kind == PayloadKind::Other,
        };
        waits.then_some(self.complete)
    }

    fn is_between_frames(&self) -> bool {
        matches!(self.position, FramePosition::Head(_, 0))
    }

    /// Skips up to `left` bytes. `None`: some are missing, and `rest` of them is the position.
    fn skip(
        &mut self,
        left: u32,
        bytes: &mut &[u8],
        rest: impl Fn(u32) -> FramePosition,
    ) -> Option<()> {
        let here = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(left);
        *bytes = bytes.get(here as usize..).unwrap_or_default();
        self.position = if here == left { BETWEEN_FRAMES } else { rest(left - here) };
        (here == left).then_some(())
    }

    /// The head of which `have` bytes were here before. `None`: some are missing.
    fn head(
        &mut self,
        mut begun: [u8; HEAD_BYTES],
        have: usize,
        bytes: &mut &[u8],
    ) -> Option<[u8; HEAD_BYTES]> {
        let missing = begun.get_mut(have..)?;
        let here = missing.len().min(bytes.len());
        let (taken, rest) = bytes.split_at_checked(here)?;
        missing.get_mut(..here)?.copy_from_slice(taken);
        *bytes = rest;
        self.position = FramePosition::Head(begun, have + here);
        (have + here == HEAD_BYTES).then_some(begun)
    }

    fn payload_begins(&mut self, head: FrameHead, left: u32) -> FrameHead {
        match head.kind {
            kind::HEADERS | kind::PUSH_PROMISE => self.in_block = !head.has(flag::END_HEADERS),
            kind::CONTINUATION if head.has(flag::END_HEADERS) => self.in_block = false,
            _ => {}
        }
        let kind = if head.kind == kind::DATA { PayloadKind::Body } else { PayloadKind::Other };
        self.position = FramePosition::Payload(left, kind);
        if left == 0 {
            self.frame_ends();
        }
        head
    }

    fn frame_ends(&mut self) {
        self.position = BETWEEN_FRAMES;
        if !self.in_block {
            self.complete += 1;
        }
    }
}

#[cfg(test)]
mod tests;
