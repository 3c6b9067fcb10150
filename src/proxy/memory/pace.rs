//! How fast a body is read: no faster than the side that receives it takes it.

use std::{sync::Arc, task::Context};

use bytes::Bytes;

use crate::proxy::upstream::ReadGate;

use super::{Flow, MIN_READ};

/// The most that is read at once. One byte more, and hyper would double its buffer after each read
/// that fills it.
const MAX_READ: usize = 64 * 1024 - 1;

/// The largest frame of HTTP/2 at the size that we allow its senders (RFC 9113 §4.2).
const HTTP2_FRAME: usize = 16 * 1024;

/// Reads the body of which it is a part as there is room.
#[derive(Debug)]
pub(in crate::proxy) struct Pace {
    flow: Arc<Flow>,
    /// Of an upstream's HTTP/1.1 connection. `None`: what is not asked for is not read.
    gate: Option<Arc<ReadGate>>,
    /// What may be read and is not here yet, as far as it was reserved.
    reserved: usize,
    /// How much may be read at once.
    size: usize,
    /// How much waited when it was looked at last.
    waited: usize,
}

/// Whom a body waits for of which there is no more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum WaitsFor {
    /// Its sender: it has not arrived.
    Sender,
    /// Its receiver: there is no room for more.
    Receiver {
        /// It has taken some since it was waited for last.
        moves: bool,
    },
}

impl Pace {
    /// A body of which nothing has been read beyond the first frame.
    pub(in crate::proxy) fn new(flow: Arc<Flow>, gate: Option<Arc<ReadGate>>) -> Self {
        gate.iter().for_each(|gate| gate.close());
        Self { flow, gate, reserved: 0, size: MIN_READ, waited: 0 }
    }

    /// A frame that was read, counted until it is written.
    pub(in crate::proxy) fn hold(&mut self, frame: Bytes) -> Bytes {
        let reserved = self.reserved.min(frame.len());
        self.reserved -= reserved;
        self.flow.hold(frame, reserved)
    }

    /// Before the next frame is asked for, where asking is reading: whom to wait for instead if
    /// there is no room.
    pub(in crate::proxy) fn before(&mut self, cx: &Context<'_>) -> Option<WaitsFor> {
        let has_room = || self.flow.waiting() == 0 || self.flow.has_room(HTTP2_FRAME);
        (self.gate.is_none() && !has_room()).then(|| self.wait_for_receiver(cx))
    }

    /// After there was no frame: has more read if there is room.
    pub(in crate::proxy) fn after(&mut self, cx: &Context<'_>) -> WaitsFor {
        let Some(gate) = self.gate.clone() else { return WaitsFor::Sender };
        if !gate.is_spent() {
            return WaitsFor::Sender;
        }
        // What came at once was waiting already: more of it can be read at once.
        let was_full = gate.reads() <= 1;
        self.size = if was_full { (2 * self.size).min(MAX_READ) } else { MIN_READ };
        if self.reserve_read() {
            gate.allow(self.size);
            return WaitsFor::Sender;
        }
        self.wait_for_receiver(cx)
    }

    /// Whether so much may be read as is next, or else the least.
    fn reserve_read(&mut self) -> bool {
        let is_least = |size| size == MIN_READ;
        let nothing_waits = self.flow.waiting() == 0;
        if !(nothing_waits && is_least(self.size)) {
            let more = self.size.saturating_sub(self.reserved);
            if self.flow.reserve(more) {
                self.reserved += more;
                return true;
            }
            self.size = MIN_READ;
        }
        nothing_waits
    }

    fn wait_for_receiver(&mut self, cx: &Context<'_>) -> WaitsFor {
        let waits = self.flow.wait(cx);
        let moves = waits < self.waited;
        self.waited = waits;
        WaitsFor::Receiver { moves }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.flow.release(self.reserved);
    }
}
