//! A socket that is read although its peer takes nothing more. A server may answer an upload and
//! close before all of it is sent. hyper ends an exchange with the first write that fails, while
//! that answer is still to be read.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket on which a write fails only when there is nothing more to read.
#[derive(Debug)]
pub(crate) struct ReadsOn<S> {
    socket: S,
    /// The peer takes nothing more, since it has closed.
    is_closed: bool,
    /// The last byte from the peer has been read.
    has_ended: bool,
}

impl<S> ReadsOn<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, is_closed: false, has_ended: false }
    }

    /// Passes a write's outcome on, unless an answer may be left to read. A peer that has closed
    /// sends nothing more: reading comes to its end without waiting.
    fn written(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        length: impl FnOnce() -> usize,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Err(error)) if !self.has_ended && is_close(&error) => {
                self.is_closed = true;
                Poll::Ready(Ok(length()))
            }
            outcome => outcome,
        }
    }

    /// Whether what is written is thrown away.
    fn discards(&self) -> bool {
        self.is_closed && !self.has_ended
    }
}

fn is_close(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadsOn<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.remaining();
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buf);
        if outcome.is_ready() && buf.remaining() == before && before > 0 {
            self.has_ended = true;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadsOn<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.discards() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(outcome, || bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = || pieces.iter().map(|piece| piece.len()).sum();
        if self.discards() {
            return Poll::Ready(Ok(length()));
        }
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.written(outcome, length)
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
    use std::io::Write;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    use super::*;

    #[tokio::test]
    async fn what_the_peer_sent_before_it_closed_is_read() {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut socket = ReadsOn::new(UnixStream::from_std(near).unwrap());
        socket.write_all(b"a head").await.unwrap();
        far.write_all(b"an answer").unwrap();
        drop(far);
        for _ in 0..3 {
            socket.write_all(b"a body").await.unwrap();
            let pieces = [IoSlice::new(b"in"), IoSlice::new(b"two")];
            assert_eq!(socket.write_vectored(&pieces).await.unwrap(), 5);
        }
        let mut answer = [0; 9];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"an answer");
        // The end, or an error since not all was read there.
        assert!(!matches!(socket.read(&mut answer).await, Ok(1..)));
        assert!(socket.write_all(b"a body").await.is_err(), "now there is no reason to go on");
    }
}
