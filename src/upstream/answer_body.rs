//! The body of an upstream's answer, whichever protocol it comes by.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::memory::{Pace, WaitsFor};

use super::{
    http1::{BrokenBody, FIRST_READ, Http1Body, UpstreamSocket},
    lease::EndpointLease,
    multiplexed::OpenStream,
};

/// An answer's body, and what it takes up until its end.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    source: AnswerSource,
    /// Counts it as in flight.
    endpoint: Option<EndpointLease>,
}

/// The connection or stream that an answer's body comes by.
#[derive(Debug)]
pub(super) enum AnswerSource {
    Http1(Http1Body<UpstreamSocket>),
    Stream(StreamBody),
}

/// A body on a stream of a connection that others use as well.
#[derive(Debug)]
pub(super) struct StreamBody {
    incoming: Incoming,
    /// Until the body has been read.
    stream: Option<Rc<OpenStream>>,
}

/// Why an answer's body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenAnswer {
    #[error(transparent)]
    Http1(#[from] BrokenBody),
    #[error(transparent)]
    Stream(#[from] hyper::Error),
}

/// A frame, or the end.
type AnswerFrame = Option<Result<Frame<Bytes>, BrokenAnswer>>;

impl AnswerBody {
    pub(super) fn new(source: AnswerSource, endpoint: EndpointLease) -> Self {
        Self { source, endpoint: Some(endpoint) }
    }

    /// The answer began at that moment.
    pub(super) fn saw(&self, now: Instant) {
        self.endpoint.iter().for_each(|endpoint| endpoint.idle.saw(now));
    }

    /// The next frame, or whom to wait for instead.
    ///
    /// # Errors
    /// There is none at the moment.
    pub(crate) fn next(
        &mut self,
        cx: &mut Context<'_>,
        pace: Option<&mut Pace>,
    ) -> Result<AnswerFrame, WaitsFor> {
        match &mut self.source {
            AnswerSource::Http1(body) => next_of_http1(body, cx, pace),
            AnswerSource::Stream(body) => body.next(cx, pace),
        }
    }

    /// Lets the connection or stream go if the body has ended.
    pub(crate) fn release_at_end(&mut self) {
        match &mut self.source {
            AnswerSource::Http1(body) => body.release_at_end(),
            AnswerSource::Stream(body) => body.release_at_end(),
        }
        if self.is_end_stream() {
            self.endpoint = None;
        }
    }

    /// The connection does not serve another request, whatever the answer says.
    pub(crate) fn close_afterwards(&mut self) {
        if let AnswerSource::Http1(body) = &mut self.source {
            body.close_afterwards();
        }
    }

    /// Behind a 101: the socket, what was read of the other protocol already, and what counts the
    /// tunnel as in flight.
    pub(crate) fn into_tunnel(self) -> Option<(UpstreamSocket, Bytes, Option<EndpointLease>)> {
        match self.source {
            AnswerSource::Http1(body) => {
                let (socket, received) = body.into_tunnel()?;
                Some((socket, received, self.endpoint))
            }
            AnswerSource::Stream(_) => None,
        }
    }
}

fn next_of_http1(
    body: &mut Http1Body<UpstreamSocket>,
    cx: &mut Context<'_>,
    mut pace: Option<&mut Pace>,
) -> Result<AnswerFrame, WaitsFor> {
    loop {
        if let Poll::Ready(frame) = body.received() {
            return Ok(frame.map(|frame| frame.map_err(BrokenAnswer::from)));
        }
        let most = pace.as_mut().map_or(Ok(FIRST_READ), |pace| pace.room(cx))?;
        match body.poll_receive(cx, most) {
            Poll::Pending => return Err(WaitsFor::Sender),
            Poll::Ready(Err(error)) => return Ok(Some(Err(error.into()))),
            Poll::Ready(Ok(bytes)) => pace.iter_mut().for_each(|pace| pace.came(bytes)),
        }
    }
}

impl StreamBody {
    pub(super) fn new(incoming: Incoming, stream: Rc<OpenStream>) -> Self {
        Self { incoming, stream: Some(stream) }
    }

    fn next(
        &mut self,
        cx: &mut Context<'_>,
        pace: Option<&mut Pace>,
    ) -> Result<AnswerFrame, WaitsFor> {
        if let Some(waits_for) = pace.and_then(|pace| pace.before(cx)) {
            return Err(waits_for);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            return Err(WaitsFor::Sender);
        };
        if frame.is_none() {
            self.stream = None;
        }
        self.release_at_end();
        Ok(frame.map(|frame| frame.map_err(BrokenAnswer::from)))
    }

    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.stream = None;
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenAnswer;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AnswerFrame> {
        self.next(cx, None).map_or(Poll::Pending, Poll::Ready)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            AnswerSource::Http1(body) => body.is_end_stream(),
            AnswerSource::Stream(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            AnswerSource::Http1(body) => body.size_hint(),
            AnswerSource::Stream(body) => body.incoming.size_hint(),
        }
    }
}
