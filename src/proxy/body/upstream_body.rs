//! An upstream's answer on its way to the client: read as there is room for it.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    decision::record::RequestEnd,
    memory::{Pace, WaitsFor},
    proxy::{guards::RequestGuard, stream_guard::ClientsTurn},
    upstream::{AnswerBody, BrokenAnswer},
    wire::framing,
};

use super::{BodyError, Stall, StreamBound};

/// The upstream's answer, and what depends on its end.
#[derive(Debug)]
pub(in crate::proxy) struct UpstreamBody {
    body: AnswerBody,
    stall: Stall,
    /// Over HTTP/2: for the stream's own deadline.
    clients_turn: Option<ClientsTurn>,
    /// Keeps the downstream connection out of its idle phase.
    request: RequestGuard,
    /// Whether no frame was sent yet.
    is_new: bool,
    /// Of an answer that is not small. Boxed, since most are.
    pace: Option<Box<Pace>>,
    /// Why it breaks off, once what came before was handed over.
    broken: Option<BodyError>,
    /// What ends a stream when the proxy stops.
    bound: Option<StreamBound>,
    /// Whether it has ended so.
    is_stopped: bool,
}

/// A first frame that is not longer is not counted: usually it is all of an answer, and counting it
/// would be the larger part of its cost.
const SMALL: u64 = 16 * 1024;

/// The same over HTTP/2, where as many of them may wait as a connection has streams.
const SMALL_OF_STREAM: u64 = 1024;

impl UpstreamBody {
    pub(super) fn new(
        body: AnswerBody,
        stall_after: Duration,
        request: RequestGuard,
        bound: Option<StreamBound>,
    ) -> Box<Self> {
        // The place comes first: `Box::new` would copy all of it once more.
        let place = Box::new_uninit();
        let mut body = Box::write(
            place,
            Self {
                body,
                stall: Stall::new(stall_after),
                clients_turn: ClientsTurn::of_stream(),
                request,
                is_new: true,
                pace: None,
                broken: None,
                bound,
                is_stopped: false,
            },
        );
        body.clients_turn.iter().for_each(ClientsTurn::begin);
        if body.size_hint().lower() > SMALL {
            body.pace();
        }
        // hyper does not poll a body that reports its end.
        body.body.release_at_end();
        body
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.is_stopped || self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        if self.is_stopped {
            return Poll::Ready(None);
        }
        if let Some(Poll::Ready(trailers)) = self.bound.as_mut().map(|bound| bound.poll(cx)) {
            self.cut_short(RequestEnd::Stopped);
            self.is_stopped = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let frame = match self.body.next(cx, self.pace.as_deref_mut()) {
            Ok(frame) => frame,
            Err(waits_for) => return self.wait(cx, waits_for),
        };
        self.stall.reset();
        self.clients_turn.iter().for_each(ClientsTurn::begin);
        match frame.map(checked) {
            Some(Err(broken)) => self.breaks(cx, broken),
            Some(Ok(frame)) => {
                self.count(&frame);
                Poll::Ready(Some(Ok(self.hold(frame))))
            }
            None => Poll::Ready(None),
        }
    }

    /// hyper throws away what it has not written when a body fails. Waiting for more has it write
    /// the head, and how the body ended.
    fn breaks<T>(&mut self, cx: &Context<'_>, broken: BodyError) -> Poll<T> {
        self.cut_short(RequestEnd::AnswerBroken);
        self.broken = Some(broken);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn wait<T>(
        &mut self,
        cx: &mut Context<'_>,
        waits_for: WaitsFor,
    ) -> Poll<Option<Result<T, BodyError>>> {
        match waits_for {
            WaitsFor::Sender => {
                self.clients_turn.iter().for_each(ClientsTurn::end);
                self.stall.poll(cx).map(|stalled| {
                    self.cut_short(RequestEnd::AnswerBroken);
                    Some(Err(stalled.into()))
                })
            }
            WaitsFor::Receiver { moves } => {
                self.stall.reset();
                if moves {
                    self.clients_turn.iter().for_each(ClientsTurn::begin);
                }
                Poll::Pending
            }
        }
    }

    /// Counts a frame until it is written.
    fn hold(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let small = if self.clients_turn.is_some() { SMALL_OF_STREAM } else { SMALL };
        let is_first = std::mem::replace(&mut self.is_new, false);
        let is_small = |data: &Bytes| is_first && self.pace.is_none() && data.len() as u64 <= small;
        if frame.data_ref().is_none_or(is_small) {
            return frame;
        }
        frame.map_data(|data| self.pace().hold(data))
    }

    fn count(&self, frame: &Frame<Bytes>) {
        if let (Some(record), Some(data)) = (self.request.record(), frame.data_ref()) {
            record.sent(data.len());
        }
    }

    fn cut_short(&self, end: RequestEnd) {
        self.request.record().iter().for_each(|record| record.cut_short(end));
    }

    fn pace(&mut self) -> &mut Pace {
        self.pace.get_or_insert_with(|| Box::new(Pace::new(self.request.flow())))
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        if !self.is_end_stream() {
            self.cut_short(RequestEnd::ClientGone);
        }
    }
}

fn checked(frame: Result<Frame<Bytes>, BrokenAnswer>) -> Result<Frame<Bytes>, BodyError> {
    let frame = frame?;
    framing::check_frame(&frame)?;
    Ok(frame)
}
