//! A service that answers from a script, without a socket: what arrives together is exact.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::service::{ReceivedRequest, received};

/// The answer to one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    /// What arrives together. Between two pieces the client waits at least once.
    pub(super) pieces: Vec<Vec<u8>>,
    /// What arrives while the client is idle.
    pub(super) afterwards: Vec<u8>,
    /// Whether the service closes behind it.
    pub(super) closes: bool,
}

/// The client's end of the connection. A clone is for looking at it.
#[derive(Debug, Clone)]
pub(super) struct Peer(Arc<Mutex<Script>>);

#[derive(Debug)]
struct Script {
    deliveries: VecDeque<Delivery>,
    arriving: VecDeque<Vec<u8>>,
    afterwards: Vec<u8>,
    is_at_end: bool,
    /// Whether the last read got a piece: the next one waits.
    has_delivered: bool,
    written: Vec<u8>,
    /// How many requests have been answered, or begun to be.
    answered: usize,
    waiting: Option<std::task::Waker>,
}

impl Delivery {
    /// All of it at once.
    pub(super) fn whole(answer: &[u8]) -> Self {
        Self { pieces: vec![answer.to_vec()], ..Self::default() }
    }

    /// In two pieces.
    pub(super) fn cut(answer: &[u8], at: usize) -> Self {
        let (one, other) = answer.split_at(at);
        Self { pieces: vec![one.to_vec(), other.to_vec()], ..Self::default() }
    }

    pub(super) fn then_close(self) -> Self {
        Self { closes: true, ..self }
    }
}

impl Peer {
    pub(super) fn new(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self(Arc::new(Mutex::new(Script {
            deliveries: deliveries.into_iter().collect(),
            arriving: VecDeque::new(),
            afterwards: Vec::new(),
            is_at_end: false,
            has_delivered: false,
            written: Vec::new(),
            answered: 0,
            waiting: None,
        })))
    }

    /// What the service has read of every request so far.
    pub(super) fn received(&self) -> Vec<ReceivedRequest> {
        received(&self.0.lock().written)
    }

    /// Whether any byte of this request was written.
    pub(super) fn has_begun(&self, request: usize) -> bool {
        let script = self.0.lock();
        let requests = received(&script.written);
        requests.len() > request
    }

    /// Whether a read would find anything, the end included.
    pub(super) fn has_something_to_read(&self) -> bool {
        let script = self.0.lock();
        script.is_at_end || !script.arriving.is_empty()
    }

    /// Delivers what is meant to arrive between two requests. Time goes by.
    pub(super) fn deliver_afterwards(&self) {
        let mut script = self.0.lock();
        script.has_delivered = false;
        let afterwards = std::mem::take(&mut script.afterwards);
        if !afterwards.is_empty() {
            script.arriving.push_back(afterwards);
            script.wake();
        }
    }
}

impl Script {
    /// Begins the next answer once its request is complete.
    fn answer(&mut self) {
        let complete = received(&self.written).iter().filter(|request| request.is_complete).count();
        if complete <= self.answered || self.is_at_end {
            return;
        }
        if let Some(delivery) = self.deliveries.pop_front() {
            self.answered += 1;
            self.arriving.extend(delivery.pieces.into_iter().filter(|piece| !piece.is_empty()));
            self.afterwards = delivery.afterwards;
            self.is_at_end = delivery.closes;
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    fn read(&mut self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.has_delivered {
            self.has_delivered = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(mut piece) = self.arriving.pop_front() else {
            if self.is_at_end {
                return Poll::Ready(Ok(()));
            }
            self.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(&piece);
        if rest.is_empty() {
            self.has_delivered = true;
        } else {
            self.arriving.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.lock().read(cx, buf)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut script = self.0.lock();
        script.written.extend_from_slice(bytes);
        script.answer();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
