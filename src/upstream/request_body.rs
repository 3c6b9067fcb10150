//! A request's body on its way to the upstream, and how far it is.

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::decision::UploadFault;

use super::OpenStream;

/// A request's body on its way to the upstream. Trailers are dropped (threats H-4): they come
/// after the verdict and could carry anything.
#[derive(Debug)]
pub(crate) struct RequestBody {
    upload: Option<Upload>,
}

/// Where the bytes of a request's body come from.
pub(crate) trait UploadSource: fmt::Debug {
    /// The next bytes. `progress` hears of each step, and of a client that fails.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        progress: &UploadProgress,
    ) -> Poll<Option<Result<Bytes, UploadError>>>;

    /// Whether nothing more comes.
    fn is_at_end(&self) -> bool;

    /// How much there is left.
    fn size_hint(&self) -> SizeHint;

    /// Begins again with the first byte, if all of it was kept.
    fn rewind(&mut self) -> bool {
        false
    }
}

/// Why a request's body did not come to its end.
pub(crate) type UploadError = Box<dyn Error + Send + Sync>;

/// A body that has not ended yet.
#[derive(Debug)]
struct Upload {
    /// Boxed: most requests have none.
    source: Box<dyn UploadSource>,
    progress: Rc<UploadProgress>,
}

/// How far an upload is: read by the task that waits for the upstream's answer.
#[derive(Debug)]
pub(crate) struct UploadProgress {
    /// `None`: nothing of it was requested.
    last: Cell<Option<Instant>>,
    turn: Cell<Turn>,
    has_ended: Cell<bool>,
    /// What was to be sent, if nothing of it was read or all of it was kept: it can be sent again.
    untouched: RefCell<Option<Box<dyn UploadSource>>>,
    /// Over HTTP/2: the stream that is open until it has ended.
    stream: RefCell<Option<Rc<OpenStream>>>,
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

impl RequestBody {
    /// What comes from that source.
    pub(crate) fn new(source: impl UploadSource + 'static) -> Self {
        let progress = Rc::new(UploadProgress::new());
        Self { upload: Some(Upload { source: Box::new(source), progress }) }
    }

    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self { upload: None }
    }

    /// Again the body that was to be sent and was dropped. `None`: some of it was read and not
    /// kept.
    pub(super) fn untouched(progress: &Rc<UploadProgress>) -> Option<Self> {
        let source = progress.untouched.borrow_mut().take()?;
        progress.has_ended.set(false);
        Some(Self { upload: Some(Upload { source, progress: Rc::clone(progress) }) })
    }

    /// The progress; `None` if there is nothing to upload.
    pub(crate) fn progress(&self) -> Option<Rc<UploadProgress>> {
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
    pub(crate) fn has_ended(&self) -> bool {
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
    pub(crate) fn client_fault(&self) -> Option<UploadFault> {
        match self.turn.get() {
            Turn::Over(fault) => Some(fault),
            Turn::Client | Turn::Upstream => None,
        }
    }

    /// Some of it has come, or was taken.
    pub(crate) fn moved(&self) {
        self.last.set(Some(Instant::now()));
        self.turn.set(Turn::Upstream);
    }

    /// The client is waited for.
    pub(crate) fn waits_for_client(&self) {
        self.turn.set(Turn::Client);
    }

    /// The client has failed to send it.
    pub(crate) fn failed(&self, fault: UploadFault) {
        self.turn.set(Turn::Over(fault));
    }

    /// The upload is sent on that stream.
    pub(super) fn holds(&self, stream: Rc<OpenStream>) {
        *self.stream.borrow_mut() = Some(stream);
    }

    fn is_untouched(&self) -> bool {
        self.last.get().is_none() && self.client_fault().is_none()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let can_be_sent =
            |upload: &mut Upload| upload.progress.is_untouched() || upload.source.rewind();
        if let Some(Upload { source, progress }) = self.upload.take_if(can_be_sent) {
            *progress.untouched.borrow_mut() = Some(source);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Some(Upload { source, progress }) = &mut self.upload else {
            return Poll::Ready(None);
        };
        let bytes = ready!(source.poll_next(cx, progress));
        // hyper does not poll a body again that reports its end.
        if bytes.is_none() || source.is_at_end() {
            progress.has_ended.set(true);
        }
        if bytes.is_none() {
            // Let go as any other that is over.
            drop(Self { upload: self.upload.take() });
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.upload.as_ref().is_none_or(|upload| upload.source.is_at_end())
    }

    fn size_hint(&self) -> SizeHint {
        let left = |upload: &Upload| upload.source.size_hint();
        self.upload.as_ref().map_or_else(|| SizeHint::with_exact(0), left)
    }
}
