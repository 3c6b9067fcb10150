//! How much may be read from an upstream's HTTP/1.1 connection: hyper reads one frame ahead of what
//! it is asked for, as large as its buffer has grown, for each of thousands of answers.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

/// How much may be read from a connection. Open, except within an answer of which more follows.
///
/// All of it happens on one thread; it is `Send` because hyper's upgraded sockets are.
#[derive(Debug)]
pub(in crate::proxy) struct ReadGate {
    allowed: AtomicUsize,
    /// Reads since the last allowance.
    reads: AtomicUsize,
    blocked: Mutex<Option<Waker>>,
}

/// The socket behind a gate.
#[derive(Debug)]
pub(super) struct GatedReads<S> {
    socket: Take<S>,
    gate: Arc<ReadGate>,
}

/// No bound on the sum.
const OPEN: usize = usize::MAX;

/// Bytes read at once through an open gate: a head, and the body behind it if it is small.
const OPEN_READ: usize = 16 * 1024 - 1;

impl Default for ReadGate {
    fn default() -> Self {
        Self {
            allowed: AtomicUsize::new(OPEN),
            reads: AtomicUsize::new(0),
            blocked: Mutex::default(),
        }
    }
}

impl ReadGate {
    /// Nothing may be read.
    pub(in crate::proxy) fn close(&self) {
        self.allowed.store(0, Relaxed);
        self.reads.store(0, Relaxed);
    }

    /// Everything may be read.
    pub(super) fn open(&self) {
        self.allow(OPEN);
    }

    /// So many bytes may be read, and no others.
    pub(in crate::proxy) fn allow(&self, bytes: usize) {
        let before = self.allowed.swap(bytes, Relaxed);
        self.reads.store(0, Relaxed);
        if before == 0 {
            let blocked = self.blocked.lock().take();
            blocked.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether all that was allowed has been read.
    pub(in crate::proxy) fn is_spent(&self) -> bool {
        self.allowed() == 0
    }

    /// How many bytes may be read.
    pub(in crate::proxy) fn allowed(&self) -> usize {
        self.allowed.load(Relaxed)
    }

    /// In how many pieces it was read.
    pub(in crate::proxy) fn reads(&self) -> usize {
        self.reads.load(Relaxed)
    }

    /// So many of the allowed bytes have been read.
    pub(in crate::proxy) fn took(&self, allowed: usize, bytes: usize) {
        if allowed != OPEN && bytes > 0 {
            self.allowed.store(allowed.saturating_sub(bytes), Relaxed);
            self.reads.fetch_add(1, Relaxed);
        }
    }
}

impl<S: AsyncRead> GatedReads<S> {
    pub(super) fn new(socket: S, gate: Arc<ReadGate>) -> Self {
        Self { socket: socket.take(0), gate }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GatedReads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let allowed = self.gate.allowed();
        if allowed == 0 {
            *self.gate.blocked.lock() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = if allowed == OPEN { OPEN_READ } else { allowed };
        if allowed == OPEN && buf.remaining() <= most {
            return Pin::new(self.socket.get_mut()).poll_read(cx, buf);
        }
        let before = buf.filled().len();
        self.socket.set_limit(most as u64);
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.gate.took(allowed, buf.filled().len() - before);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GatedReads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.socket.get_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.socket.get_mut()).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.socket.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.socket.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    /// What is read at once of more than enough.
    async fn read(socket: &mut GatedReads<tokio::io::DuplexStream>, room: usize) -> usize {
        socket.read(&mut vec![0; room]).await.unwrap()
    }

    #[tokio::test]
    async fn d12_no_more_is_read_than_allowed() {
        const ENOUGH: usize = 1024 * 1024;
        let (mut upstream, ours) = duplex(ENOUGH);
        upstream.write_all(&vec![0; ENOUGH / 2]).await.unwrap();
        let gate = Arc::<ReadGate>::default();
        let mut socket = GatedReads::new(ours, Arc::clone(&gate));
        assert_eq!(read(&mut socket, 100).await, 100);
        assert_eq!(read(&mut socket, ENOUGH).await, OPEN_READ);
        assert_eq!(gate.allowed(), OPEN);
        gate.close();
        gate.allow(1000);
        assert_eq!(read(&mut socket, 400).await, 400);
        assert!(!gate.is_spent());
        assert_eq!(read(&mut socket, ENOUGH).await, 600);
        assert!(gate.is_spent());
        assert_eq!(gate.reads(), 2);
        let mut blocked = Box::pin(read(&mut socket, ENOUGH));
        assert!(
            std::future::poll_fn(|cx| Poll::Ready(blocked.as_mut().poll(cx).is_pending())).await
        );
        gate.allow(7);
        assert_eq!(blocked.await, 7);
        gate.open();
        assert_eq!(read(&mut socket, 100).await, 100);
    }
}
