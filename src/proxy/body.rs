//! Bodies on their way through: streamed frame by frame, unless one had to be held before.

mod upstream_body;

use std::{
    cell::{Cell, RefCell},
    error::Error,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{
    client_body::ClientBody,
    guards::{RequestGuard, UploadRoom},
    memory::{Pace, WaitsFor},
    stream_guard::ClientsTurn,
    upstream::{AnswerBody, OpenStream},
};
use crate::{
    bounded::Reservation,
    decision::{
        SignedAnswer, UploadFault,
        held_body::{HeldBody, HeldReader},
    },
};

pub(super) use upstream_body::UpstreamBody;

/// A request's body on its way to the upstream. Trailers are dropped (threats H-4): they come
/// after the verdict and could carry anything.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// Boxed: most requests have none.
    upload: Option<Box<Upload>>,
}

/// A body that has not ended yet.
#[derive(Debug)]
struct Upload {
    source: UploadSource,
    progress: Rc<UploadProgress>,
    /// Of what comes from the client, unless it was held.
    room: Option<UploadRoom>,
    /// Once a second frame came.
    pace: Option<Box<Pace>>,
    /// Whether no frame was sent yet.
    is_new: bool,
}

/// Where an upload's bytes come from.
#[derive(Debug)]
enum UploadSource {
    /// The client, as it sends them.
    Client { incoming: ClientBody, stall: Stall },
    /// What the client has sent and was verified.
    Held(HeldReader),
}

/// How far an upload is: read by the task that waits for the upstream's answer.
#[derive(Debug)]
pub(super) struct UploadProgress {
    /// `None`: nothing of it was requested.
    last: Cell<Option<Instant>>,
    turn: Cell<Turn>,
    has_ended: Cell<bool>,
    /// The upload that was to be sent, if nothing of it was read: it can be sent again.
    untouched: RefCell<Option<Box<Untouched>>>,
    /// Over HTTP/2: the stream that is open until it has ended.
    stream: RefCell<Option<Rc<OpenStream>>>,
}

/// An upload of which nothing was read. Without the progress, which holds it.
#[derive(Debug)]
struct Untouched {
    source: UploadSource,
    room: Option<UploadRoom>,
}

/// Who an upload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The client, which has a deadline of its own.
    Client,
    /// The upstream: it has to take what there is, or to answer.
    Upstream,
    /// Over: the client failed to send it.
    Over(UploadFault),
}

/// An answer's body on its way to the client.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Our own answer.
    Own(Option<Bytes>),
    /// The upstream's answer, which was read to its end.
    Whole(WholeBody),
    /// The upstream's answer.
    Upstream(UpstreamBody),
}

/// An answer that is here as a whole.
#[derive(Debug)]
pub(super) struct WholeBody {
    left: Bytes,
    _room: Reservation,
    /// Over HTTP/2: for the stream's own deadline.
    clients_turn: Option<ClientsTurn>,
    /// Keeps the downstream connection out of its idle phase.
    _request: RequestGuard,
}

/// How much of a whole response is sent at once: as much as may wait for a client that does not
/// read.
const PART_BYTES: usize = 64 * 1024;

/// A body that made no progress for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body made no progress for {} s", .0.as_secs())]
pub(super) struct Stalled(Duration);

type BodyError = Box<dyn Error + Send + Sync>;

impl RequestBody {
    /// Wraps the client's body. One without any bytes, known beforehand, is nothing to upload.
    pub(super) fn new(
        incoming: Option<ClientBody>,
        stall_after: Duration,
        room: Option<UploadRoom>,
    ) -> Self {
        let Some(incoming) = incoming.filter(|incoming| !incoming.is_end_stream()) else {
            return Self { upload: None };
        };
        let stall = Stall::new(stall_after);
        Self::of(UploadSource::Client { incoming, stall }, room)
    }

    /// A body that is there as a whole.
    pub(super) fn held(body: HeldBody) -> Self {
        if body.is_empty() {
            return Self { upload: None };
        }
        Self::of(UploadSource::Held(body.into_reader()), None)
    }

    fn of(source: UploadSource, room: Option<UploadRoom>) -> Self {
        Self { upload: Some(Box::new(Upload::new(source, Rc::new(UploadProgress::new()), room))) }
    }

    /// No bytes.
    pub(super) fn empty() -> Self {
        Self { upload: None }
    }

    /// Again the body that was to be sent and was dropped. `None`: some of it was read.
    pub(super) fn untouched(progress: &Rc<UploadProgress>) -> Option<Self> {
        let Untouched { source, room } = *progress.untouched.borrow_mut().take()?;
        Some(Self { upload: Some(Box::new(Upload::new(source, Rc::clone(progress), room))) })
    }

    /// The progress; `None` if there is nothing to upload.
    pub(super) fn progress(&self) -> Option<Rc<UploadProgress>> {
        self.upload.as_ref().map(|upload| Rc::clone(&upload.progress))
    }
}

impl UploadProgress {
    fn new() -> Self {
        Self {
            last: Cell::new(None),
            turn: Cell::new(Turn::Upstream),
            has_ended: Cell::new(false),
            untouched: RefCell::default(),
            stream: RefCell::default(),
        }
    }

    /// Whether all of it has been read.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Since when the upstream is waited for. While it is the client, that is now. `None`: since
    /// there is a connection to it.
    pub(super) fn upstreams_turn_since(&self) -> Option<Instant> {
        match self.turn.get() {
            Turn::Client => Some(Instant::now()),
            Turn::Upstream | Turn::Over(_) => self.last.get(),
        }
    }

    /// Why the upload did not come to its end, if that is the client's doing.
    pub(super) fn client_fault(&self) -> Option<UploadFault> {
        match self.turn.get() {
            Turn::Over(fault) => Some(fault),
            Turn::Client | Turn::Upstream => None,
        }
    }

    /// The upload is sent on that stream.
    pub(super) fn holds(&self, stream: Rc<OpenStream>) {
        *self.stream.borrow_mut() = Some(stream);
    }

    fn is_untouched(&self) -> bool {
        self.last.get().is_none() && self.client_fault().is_none()
    }

    fn moved(&self) {
        self.last.set(Some(Instant::now()));
        self.turn.set(Turn::Upstream);
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take_if(|upload| upload.progress.is_untouched()) {
            let Upload { source, progress, room, .. } = *upload;
            *progress.untouched.borrow_mut() = Some(Box::new(Untouched { source, room }));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(upload) = &mut self.upload else {
            return Poll::Ready(None);
        };
        let frame = ready!(upload.poll(cx));
        // hyper does not poll a body again that reports its end.
        if frame.is_none() || upload.is_at_end() {
            upload.progress.has_ended.set(true);
        }
        if frame.is_none() {
            self.upload = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.upload.as_ref().is_none_or(|upload| upload.is_at_end())
    }

    fn size_hint(&self) -> SizeHint {
        self.upload.as_ref().map_or_else(|| SizeHint::with_exact(0), |upload| upload.size_hint())
    }
}

impl Upload {
    fn new(source: UploadSource, progress: Rc<UploadProgress>, room: Option<UploadRoom>) -> Self {
        Self { source, progress, room, pace: None, is_new: true }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(WaitsFor::Receiver { moves }) =
            self.pace.as_mut().and_then(|pace| pace.before(cx))
        {
            if moves {
                self.progress.moved();
            }
            return Poll::Pending;
        }
        let (incoming, stall) = match &mut self.source {
            UploadSource::Client { incoming, stall } => (incoming, stall),
            UploadSource::Held(held) => {
                let part = ready!(held.poll_next(cx));
                self.progress.moved();
                return Poll::Ready(part.map(|part| Ok(Frame::data(part?))));
            }
        };
        let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) else {
            self.progress.turn.set(Turn::Client);
            let stalled = ready!(stall.poll(cx));
            self.progress.turn.set(Turn::Over(UploadFault::Stalled));
            return Poll::Ready(Some(Err(stalled.into())));
        };
        stall.reset();
        self.progress.moved();
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() => Some(Ok(self.hold(frame))),
            Some(Err(error)) => {
                self.progress.turn.set(Turn::Over(UploadFault::Broke));
                Some(Err(error.into()))
            }
            Some(Ok(_)) | None => None,
        })
    }

    /// Counts a frame until the upstream has it. The first, which often is the last, is within the
    /// room for the upload.
    fn hold(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let is_first = std::mem::replace(&mut self.is_new, false);
        let Some(room) = self.room.as_ref().filter(|_| !is_first) else { return frame };
        let pace = self.pace.get_or_insert_with(|| Box::new(Pace::new(room.flow())));
        frame.map_data(|data| pace.hold(data))
    }

    fn is_at_end(&self) -> bool {
        match &self.source {
            UploadSource::Client { incoming, .. } => incoming.is_end_stream(),
            UploadSource::Held(held) => held.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            UploadSource::Client { incoming, .. } => incoming.size_hint(),
            UploadSource::Held(held) => SizeHint::with_exact(held.left()),
        }
    }
}

impl ResponseBody {
    /// An answer without a body.
    pub(super) fn empty() -> Self {
        Self::Own(None)
    }

    /// An answer of our own.
    pub(super) fn own(text: Bytes) -> Self {
        Self::Own(Some(text).filter(|text| !text.is_empty()))
    }

    /// Whether the answer is ours.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// An answer that was read to its end.
    pub(super) fn whole(answer: SignedAnswer, request: RequestGuard) -> Self {
        let SignedAnswer { bytes, room } = answer;
        let clients_turn = ClientsTurn::of_stream();
        clients_turn.iter().for_each(ClientsTurn::begin);
        Self::Whole(WholeBody { left: bytes, _room: room, clients_turn, _request: request })
    }

    /// The upstream's answer.
    pub(super) fn upstream(body: AnswerBody, stall_after: Duration, request: RequestGuard) -> Self {
        Self::Upstream(UpstreamBody::new(body, stall_after, request))
    }
}

impl WholeBody {
    /// The next part. Each call shows that the client has taken some of what was sent.
    fn next(&mut self) -> Option<Bytes> {
        self.clients_turn.iter().for_each(ClientsTurn::begin);
        let part = self.left.split_to(self.left.len().min(PART_BYTES));
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
            Self::Own(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Whole(body) => Poll::Ready(body.next().map(|part| Ok(Frame::data(part)))),
            Self::Upstream(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::Whole(body) => body.left.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Whole(body) => SizeHint::with_exact(body.left.len() as u64),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

/// A deadline between two frames. The timer exists only while a frame is waited for.
#[derive(Debug)]
struct Stall {
    after: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    fn new(after: Duration) -> Self {
        Self { after, timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let after = self.after;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        timer.as_mut().poll(cx).map(|()| Stalled(after))
    }

    fn reset(&mut self) {
        self.timer = None;
    }
}
