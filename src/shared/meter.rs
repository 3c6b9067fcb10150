//! No more is read from the server than was requested: a value of a gigabyte, or a server that
//! never stops sending, ends the connection and not the process.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes that may still come: every operation adds what its answer may have at most.
#[derive(Debug)]
pub(super) struct Allowance(AtomicUsize);

/// A stream that fails when more comes than is allowed.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    allowance: Arc<Allowance>,
}

/// What stays allowed of answers that were shorter than they might have been. Beyond the responses
/// to all operations in flight (see `link`) this is all that a server can make us buffer.
pub(super) const MAX_ALLOWANCE: usize = 8 * 1024 * 1024;

/// For the answers to `AUTH`, `SELECT` and `PING`.
const FIRST_ALLOWANCE: usize = 4 * 1024;

impl Allowance {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(FIRST_ALLOWANCE)))
    }

    pub(super) fn add(&self, bytes: usize) {
        self.update(|left| Some(left.saturating_add(bytes).min(MAX_ALLOWANCE)));
    }

    fn take(&self, bytes: usize) -> bool {
        self.update(|left| left.checked_sub(bytes))
    }

    fn update(&self, change: impl FnMut(usize) -> Option<usize>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, allowance: Arc<Allowance>) -> Self {
        Self { stream, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        if self.allowance.take(read) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(io::Error::other("the server sends more than was requested")))
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn as_much_comes_as_was_allowed_and_no_more() {
        let allowance = Allowance::new();
        let mut metered = Metered::new(tokio::io::repeat(1), Arc::clone(&allowance));
        let mut first = vec![0; FIRST_ALLOWANCE];
        metered.read_exact(&mut first).await.unwrap();
        assert!(metered.read_u8().await.is_err());
        allowance.add(1);
        assert_eq!(metered.read_u8().await.unwrap(), 1);
        assert!(metered.read_u8().await.is_err());
    }

    #[test]
    fn what_was_not_used_does_not_add_up_for_ever() {
        let allowance = Allowance::new();
        for _ in 0..100 {
            allowance.add(MAX_ALLOWANCE / 2);
        }
        assert!(allowance.take(MAX_ALLOWANCE));
        assert!(!allowance.take(1));
    }
}
