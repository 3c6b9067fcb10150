//! Bodies of answers on their way to the client: streamed frame by frame, unless one had to be held
//! before.

mod stream_bound;
mod upstream_body;

use std::{
    error::Error,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::{guards::RequestGuard, stream_guard::ClientsTurn};
use crate::{
    bounded::Reservation,
    decision::{RequestRecord, SignedAnswer},
    upstream::AnswerBody,
};

pub(super) use stream_bound::StreamBound;
pub(super) use upstream_body::UpstreamBody;

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Our own answer.
    Own(OwnBody),
    /// The upstream's answer, which was read to its end.
    Whole(WholeBody),
    /// The upstream's answer. Boxed: an answer is moved a dozen times on its way, in hyper as well.
    Upstream(Box<UpstreamBody>),
}

/// An answer of our own.
#[derive(Debug, Default)]
pub(super) struct OwnBody {
    text: Option<Bytes>,
    /// What is reported at its end.
    record: Option<Rc<RequestRecord>>,
}

/// An answer that is here as a whole.
#[derive(Debug)]
pub(super) struct WholeBody {
    left: Bytes,
    _room: Reservation,
    /// Over HTTP/2: for the stream's own deadline.
    clients_turn: Option<ClientsTurn>,
    /// Keeps the downstream connection out of its idle phase.
    request: RequestGuard,
}

/// How much of a whole response is sent at once: as much as may wait for a client that does not
/// read.
const PART_BYTES: usize = 64 * 1024;

/// A body that made no progress for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body made no progress for {} s", .0.as_secs())]
pub(super) struct Stalled(Duration);

type BodyError = Box<dyn Error + Send + Sync>;

impl ResponseBody {
    /// An answer without a body.
    pub(super) fn empty() -> Self {
        Self::Own(OwnBody::default())
    }

    /// An answer of our own.
    pub(super) fn own(text: Bytes) -> Self {
        Self::Own(OwnBody { text: Some(text).filter(|text| !text.is_empty()), record: None })
    }

    /// Whether the answer is ours.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// The request ends with this answer.
    pub(super) fn report(&mut self, record: &Rc<RequestRecord>) {
        if let Self::Own(body) = self {
            body.record = Some(Rc::clone(record));
        }
    }

    /// An answer that was read to its end.
    pub(super) fn whole(answer: SignedAnswer, request: RequestGuard) -> Self {
        let SignedAnswer { bytes, room } = answer;
        let clients_turn = ClientsTurn::of_stream();
        clients_turn.iter().for_each(ClientsTurn::begin);
        Self::Whole(WholeBody { left: bytes, _room: room, clients_turn, request })
    }

    /// The upstream's answer.
    pub(super) fn upstream(
        body: AnswerBody,
        stall_after: Duration,
        request: RequestGuard,
        bound: Option<StreamBound>,
    ) -> Self {
        Self::Upstream(UpstreamBody::new(body, stall_after, request, bound))
    }
}

impl OwnBody {
    fn next(&mut self) -> Option<Bytes> {
        let text = self.text.take()?;
        self.record.iter().for_each(|record| record.sent(text.len()));
        Some(text)
    }
}

impl WholeBody {
    /// The next part. Each call shows that the client has taken some of what was sent.
    fn next(&mut self) -> Option<Bytes> {
        self.clients_turn.iter().for_each(ClientsTurn::begin);
        let part = self.left.split_to(self.left.len().min(PART_BYTES));
        self.request.record().iter().for_each(|record| record.sent(part.len()));
        Some(part).filter(|part| !part.is_empty())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Own(body) => Poll::Ready(body.next().map(|text| Ok(Frame::data(text)))),
            Self::Whole(body) => Poll::Ready(body.next().map(|part| Ok(Frame::data(part)))),
            Self::Upstream(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.text.is_none(),
            Self::Whole(body) => body.left.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => {
                SizeHint::with_exact(body.text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Whole(body) => SizeHint::with_exact(body.left.len() as u64),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

/// A deadline between two frames. The timer exists only while a frame is waited for.
#[derive(Debug)]
pub(super) struct Stall {
    after: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) fn new(after: Duration) -> Self {
        Self { after, timer: None }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let after = self.after;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        timer.as_mut().poll(cx).map(|()| Stalled(after))
    }

    pub(super) fn reset(&mut self) {
        self.timer = None;
    }
}
