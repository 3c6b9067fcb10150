//! How many frames a client may send that bring nothing forward (threats D-2).
//!
//! Each kind has an [`BurstAllowance`] per connection: so many at once and as many again ten
//! seconds later, and more where requests and answers give a reason for them.

use tokio::time::Instant;

use super::{
    super::burst_allowance::BurstAllowance,
    FrameHead,
    flag::{END_HEADERS, END_STREAM},
    kind,
};

/// What a flood can consist of. A request, or a frame with a part of a body, is none of it: these
/// have bounds of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloodKind {
    Continuation,
    EmptyData,
    EmptyHeaders,
    /// Of a type that no server expects.
    Other,
    Ping,
    Priority,
    Reset,
    Settings,
    WindowUpdate,
}

/// What is left to one connection.
#[derive(Debug)]
pub(super) struct FrameAllowances {
    left: [BurstAllowance; FloodKind::ALL.len()],
    /// How many streams it may have at a time.
    streams: u64,
}

/// A CONTINUATION frame of this many bytes is a part of a large header block, which has a bound.
const SMALL_CONTINUATION: u32 = 1024;

/// How many bytes of an answer give reason for a `WINDOW_UPDATE`. A client that reads pieces of
/// 256 bytes may send two for each: for the stream and for the connection.
const BYTES_PER_UPDATE: u64 = 128;

/// How much of what was earned is kept: enough for the answers that are on their way to a client
/// with a window of 4 MiB, and few enough to be dealt with in some tens of milliseconds.
const MOST_EARNED: u64 = 32 * 1024;

impl FloodKind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Continuation,
        Self::EmptyData,
        Self::EmptyHeaders,
        Self::Other,
        Self::Ping,
        Self::Priority,
        Self::Reset,
        Self::Settings,
        Self::WindowUpdate,
    ];

    /// Its label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::EmptyData => "empty_data",
            Self::EmptyHeaders => "empty_headers",
            Self::Other => "other",
            Self::Ping => "ping",
            Self::Priority => "priority",
            Self::Reset => "reset",
            Self::Settings => "settings",
            Self::WindowUpdate => "window_update",
        }
    }

    /// How many are allowed at once, without any request, on a connection of so many streams.
    fn at_once(self, streams: u64) -> u64 {
        match self {
            // Clients hardly use the first four. h2 itself allows 100 empty DATA frames in the life
            // of a connection. 100 PINGs are ten a second; keep-alive and health checks of gRPC
            // need one in ten seconds.
            Self::Continuation
            | Self::EmptyData
            | Self::EmptyHeaders
            | Self::Other
            | Self::Ping => 100,
            // Browsers describe a tree of some ten streams, and change it with the open tab.
            Self::Priority => 200,
            // A client that waits a second for an answer can't cancel more in the ten seconds after
            // which the allowance is full again. And a browser, all that it has begun.
            Self::Reset => (10 * streams).max(1000),
            // One at the beginning, one when the client finds its windows too small. Each
            // concerns every open stream.
            Self::Settings => 50,
            // To enlarge windows in advance, and for answers whose part was used up before.
            Self::WindowUpdate => 500,
        }
    }

    /// How many more a request gives reason for.
    fn per_request(self) -> u64 {
        match self {
            // Header blocks have about four CONTINUATION frames, if any. Browsers say twice how
            // important an answer is, and may enlarge two windows for it, twice.
            Self::Continuation | Self::Priority | Self::WindowUpdate => 4,
            // To measure a round trip; with a cancellation, as Go does.
            Self::Ping => 2,
            // Trailers without a field; frames that clients send to keep extensions possible.
            Self::EmptyHeaders | Self::Other => 1,
            Self::EmptyData | Self::Reset | Self::Settings => 0,
        }
    }

    fn of(frame: &FrameHead) -> Option<Self> {
        match frame.kind {
            kind::DATA if frame.content() == 0 && !frame.has(END_STREAM) => Some(Self::EmptyData),
            kind::HEADERS if frame.content() == 0 => Some(Self::EmptyHeaders),
            kind::CONTINUATION if frame.length < SMALL_CONTINUATION && !frame.has(END_HEADERS) => {
                Some(Self::Continuation)
            }
            kind::DATA | kind::HEADERS | kind::CONTINUATION => None,
            kind::PRIORITY | kind::PRIORITY_UPDATE => Some(Self::Priority),
            kind::RST_STREAM => Some(Self::Reset),
            kind::SETTINGS => Some(Self::Settings),
            kind::PING => Some(Self::Ping),
            kind::WINDOW_UPDATE => Some(Self::WindowUpdate),
            _ => Some(Self::Other),
        }
    }
}

impl FrameAllowances {
    pub(super) fn new(now: Instant, streams: u32) -> Self {
        let streams = u64::from(streams);
        let full = |kind: FloodKind| BurstAllowance::full(kind.at_once(streams), now);
        Self { left: FloodKind::ALL.map(full), streams }
    }

    /// Counts a frame from the client, or says of which kind it is one too many.
    pub(super) fn received(&mut self, frame: &FrameHead) -> Result<(), FloodKind> {
        let Some(kind) = FloodKind::of(frame) else { return Ok(()) };
        let amount = kind.at_once(self.streams);
        if self.of(kind).is_some_and(|left| left.take(1, amount)) { Ok(()) } else { Err(kind) }
    }

    /// A request has begun.
    pub(super) fn request_begins(&mut self) {
        for kind in FloodKind::ALL {
            self.earn(kind, kind.per_request());
        }
    }

    /// We have sent a frame: each with a part of an answer may be followed by a
    /// `WINDOW_UPDATE` for its stream, one for the connection and a PING that measures the round
    /// trip (as gRPC does).
    pub(super) fn sent(&mut self, frame: &FrameHead) {
        if frame.kind == kind::DATA && frame.length > 0 {
            self.earn(FloodKind::WindowUpdate, 2 + u64::from(frame.length) / BYTES_PER_UPDATE);
            self.earn(FloodKind::Ping, 1);
        }
        let may_end_answer = matches!(frame.kind, kind::DATA | kind::HEADERS);
        if may_end_answer && frame.has(END_STREAM) {
            self.earn(FloodKind::Reset, 1);
        }
    }

    fn earn(&mut self, kind: FloodKind, frames: u64) {
        if let Some(left) = self.of(kind) {
            left.earn(frames, MOST_EARNED);
        }
    }

    fn of(&mut self, kind: FloodKind) -> Option<&mut BurstAllowance> {
        self.left.get_mut(kind as usize)
    }
}
