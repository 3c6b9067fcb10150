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
    /// How much may be read at once.
    size: usize,
    /// What is reserved for the buffer that it is read into, if that is more than the least.
    buffer: usize,
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
        if let Some(gate) = &gate {
            gate.close();
        }
        Self { flow, gate, size: MIN_READ, buffer: 0, waited: 0 }
    }

    /// A frame that was read, counted until it is written.
    pub(in crate::proxy) fn hold(&self, frame: Bytes) -> Bytes {
        self.flow.hold(frame)
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
        // What came in one piece was waiting already: more can be read at once.
        let came_at_once = gate.reads() == 1;
        self.resize(if came_at_once { (2 * self.size).min(MAX_READ) } else { MIN_READ });
        let size = if self.flow.has_room(self.size) {
            self.size
        } else if self.flow.waiting() == 0 {
            MIN_READ
        } else {
            return self.wait_for_receiver(cx);
        };
        gate.allow(size);
        WaitsFor::Sender
    }

    /// Reads so much at once from now on, if there is room for the buffer.
    fn resize(&mut self, size: usize) {
        let buffer = if size > MIN_READ { size } else { 0 };
        let more = buffer.saturating_sub(self.buffer);
        if more > 0 && !self.flow.reserve(more) {
            return;
        }
        self.flow.release(self.buffer.saturating_sub(buffer));
        (self.size, self.buffer) = (size, buffer);
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
        self.flow.release(self.buffer);
    }
}
