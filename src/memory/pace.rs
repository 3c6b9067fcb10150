//! How fast a body is read: no faster than the side that receives it takes it.

use std::{sync::Arc, task::Context};

use bytes::Bytes;

use super::{Flow, MIN_READ};

/// The most that is read at once.
const MAX_READ: usize = 64 * 1024;

/// The largest frame of HTTP/2 at the size that we allow its senders (RFC 9113 §4.2).
const HTTP2_FRAME: usize = 16 * 1024;

/// Decides how much of one body may be read at once.
#[derive(Debug)]
pub(crate) struct Pace {
    flow: Arc<Flow>,
    /// How much may be read at once.
    size: usize,
    /// How much waited when it was looked at last.
    waited: usize,
}

/// Whom a body waits for of which there is no more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
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
    pub(crate) fn new(flow: Arc<Flow>) -> Self {
        Self { flow, size: 2 * MIN_READ, waited: 0 }
    }

    /// A frame that was read, counted until it is written.
    pub(crate) fn hold(&self, frame: Bytes) -> Bytes {
        self.flow.hold(frame)
    }

    /// Before the next frame is asked for of a body that hyper reads: whom to wait for instead if
    /// there is no room.
    pub(crate) fn before(&mut self, cx: &Context<'_>) -> Option<WaitsFor> {
        let has_room = || self.flow.waiting() == 0 || self.flow.has_room(HTTP2_FRAME);
        (!has_room()).then(|| self.wait_for_receiver(cx))
    }

    /// How much may be read now of a body that is read from its connection.
    ///
    /// # Errors
    /// There is no room: its receiver is waited for.
    pub(crate) fn room(&mut self, cx: &Context<'_>) -> Result<usize, WaitsFor> {
        let sizes = std::iter::successors(Some(self.size), |size| Some(size / 2));
        let mut sizes = sizes.take_while(|size| *size >= MIN_READ);
        match sizes.find(|size| self.flow.has_room(*size)) {
            Some(size) => Ok(size),
            None if self.flow.waiting() == 0 => Ok(MIN_READ),
            None => Err(self.wait_for_receiver(cx)),
        }
    }

    /// So many bytes came at once. A full read doubles the next one; a small read halves it.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.size = if bytes >= self.size {
            (2 * self.size).min(MAX_READ)
        } else if bytes < self.size / 2 {
            (self.size / 2).max(MIN_READ)
        } else {
            self.size
        };
    }

    fn wait_for_receiver(&mut self, cx: &Context<'_>) -> WaitsFor {
        let waits = self.flow.wait(cx);
        let moves = waits < self.waited;
        self.waited = waits;
        WaitsFor::Receiver { moves }
    }
}
