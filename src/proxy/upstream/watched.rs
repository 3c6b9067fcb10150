//! The socket of an HTTP/1.1 connection that serves one request after the other. An upstream may
//! close it at any moment in between (threats F-13), so that it is looked at before it is used
//! again, and what was written to it is kept until an answer begins.

use std::{
    fmt,
    io::{self, IoSlice},
    mem::{self, MaybeUninit},
    os::fd::AsFd,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::wire::pieces::JoinedWrites;

use super::age;

/// A buffer for heads up to this size is kept for the next request.
const KEPT_CAPACITY: usize = 4096;

/// A socket and the head that was last written to it.
#[derive(Debug)]
pub(super) struct WatchedSocket<S> {
    socket: JoinedWrites<S>,
    watch: Arc<SocketWatch>,
    head: WrittenHead,
    is_unanswered: bool,
}

/// What the pool and a connection's socket, which hyper owns, know of each other.
#[derive(Debug)]
pub(super) struct SocketWatch {
    renew_at: Instant,
    begins: AtomicBool,
    is_suspect: AtomicBool,
    unanswered: Mutex<Option<WrittenHead>>,
}

/// The head of a request as it was written, credentials included: `Debug` shows none of it.
#[derive(Default)]
pub(super) struct WrittenHead(Vec<u8>);

impl SocketWatch {
    /// Of a connection that is opened now.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            renew_at: age::renewal(Instant::now()),
            begins: AtomicBool::new(false),
            is_suspect: AtomicBool::new(false),
            unanswered: Mutex::default(),
        })
    }

    /// Whether the connection is not to be used again.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now >= self.renew_at
    }

    /// The next request begins on the connection. It is suspect after an idle time in which the
    /// upstream may have closed it.
    pub(super) fn begin(&self, is_suspect: bool) {
        self.begins.store(true, Relaxed);
        if is_suspect {
            self.is_suspect.store(true, Relaxed);
        }
    }

    /// Once the connection is closed: the head of the request that was written to it last, if not
    /// a byte of an answer came.
    pub(super) fn take_unanswered(&self) -> Option<WrittenHead> {
        self.unanswered.lock().take()
    }
}

impl WrittenHead {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn set(&mut self, head: &[u8]) {
        self.0.clear();
        self.0.extend_from_slice(head);
    }

    fn release(&mut self) {
        if self.0.capacity() > KEPT_CAPACITY {
            self.0 = Vec::new();
        }
    }
}

impl fmt::Debug for WrittenHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<S> WatchedSocket<S> {
    pub(super) fn new(socket: S, watch: &Arc<SocketWatch>) -> Self {
        let (socket, watch) = (JoinedWrites(socket), Arc::clone(watch));
        Self { socket, watch, head: WrittenHead::default(), is_unanswered: false }
    }

    /// hyper writes a head with one call, whose first piece it is.
    fn writes(&mut self, first: &[u8]) {
        if self.watch.begins.load(Relaxed) {
            self.watch.begins.store(false, Relaxed);
            self.head.set(first);
            self.is_unanswered = true;
        }
    }

    fn has_read(&mut self) {
        self.is_unanswered = false;
        self.head.release();
    }
}

impl<S: AsFd> WatchedSocket<S> {
    /// Whether the upstream has closed a connection that is about to be used, or sent what nobody
    /// asked for. The runtime may learn of it only after the request was written.
    #[cold]
    fn is_over(&self) -> bool {
        self.watch.is_suspect.store(false, Relaxed);
        let peeked = SockRef::from(&self.socket.0).peek(&mut [MaybeUninit::uninit()]);
        !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl<S> Drop for WatchedSocket<S> {
    fn drop(&mut self) {
        if self.is_unanswered {
            *self.watch.unanswered.lock() = Some(mem::take(&mut self.head));
        }
    }
}

impl<S: AsyncRead + AsFd + Unpin> AsyncRead for WatchedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.watch.is_suspect.load(Relaxed) && self.is_over() {
            // An end before anything was written: hyper gives the request back.
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.has_read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes(bytes);
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes(pieces.first().map_or(&[], |first| first));
        Pin::new(&mut self.socket).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write, os::unix::net};

    use tokio::{io::AsyncWriteExt, net::UnixStream};

    use super::*;

    fn connected() -> (WatchedSocket<UnixStream>, Arc<SocketWatch>, net::UnixStream) {
        let (near, far) = net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let watch = SocketWatch::new();
        let socket = WatchedSocket::new(UnixStream::from_std(near).unwrap(), &watch);
        (socket, watch, far)
    }

    /// How many bytes it reads now; `None`: it waits for some.
    async fn read(socket: &mut WatchedSocket<UnixStream>) -> Option<usize> {
        let mut bytes = [0; 64];
        let mut buf = ReadBuf::new(&mut bytes);
        let read = poll_fn(|cx| Poll::Ready(Pin::new(&mut *socket).poll_read(cx, &mut buf))).await;
        read.is_ready().then(|| buf.filled().len())
    }

    #[tokio::test]
    async fn f13_a_suspect_connection_is_looked_at_before_the_runtime_knows_that_it_was_closed() {
        for unasked in ["", "HTTP/1.1 408 Request Timeout\r\n\r\n"] {
            let (mut socket, watch, mut far) = connected();
            watch.begin(true);
            assert_eq!(read(&mut socket).await, None, "it is open");
            far.write_all(unasked.as_bytes()).unwrap();
            drop(far);
            watch.begin(false);
            assert_eq!(read(&mut socket).await, None, "the runtime has not looked since");
            watch.begin(true);
            assert_eq!(read(&mut socket).await, Some(0), "it is over");
        }
    }

    #[tokio::test]
    async fn f13_the_head_of_a_request_is_kept_until_an_answer_begins() {
        const HEAD: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
        let (mut socket, watch, _far) = connected();
        socket.write_all(b"the first request of a connection").await.unwrap();
        drop(socket);
        assert!(watch.take_unanswered().is_none());

        let (mut socket, watch, _far) = connected();
        watch.begin(false);
        socket.write_all(HEAD).await.unwrap();
        socket.write_all(b"its body").await.unwrap();
        drop(socket);
        assert_eq!(watch.take_unanswered().unwrap().as_bytes(), HEAD);

        let (mut socket, watch, mut far) = connected();
        watch.begin(false);
        socket.write_all(HEAD).await.unwrap();
        far.write_all(b"H").unwrap();
        socket.socket.0.readable().await.unwrap();
        assert_eq!(read(&mut socket).await, Some(1));
        socket.write_all(b"more of its body").await.unwrap();
        drop(socket);
        assert!(watch.take_unanswered().is_none());
    }

    #[tokio::test]
    async fn o2_debug_shows_nothing_of_what_was_written() {
        const SECRET: &[u8] = b"authorization: Bearer s3cret";
        let (mut socket, watch, _far) = connected();
        watch.begin(false);
        socket.write_all(SECRET).await.unwrap();
        let as_shown = format!("{SECRET:?}");
        let shown = format!("{socket:?}");
        assert!(!shown.contains(as_shown.trim_matches(['[', ']'])), "{shown}");
        drop(socket);
        assert_eq!(format!("{:?}", watch.take_unanswered().unwrap()), "28 bytes");
    }
}
