//! A socket that says when something was read.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};

use crate::wire::pieces::JoinedWrites;

/// Notifies those who wait for something from the peer.
#[derive(Debug)]
pub(in crate::upstream) struct Arrivals<S> {
    socket: JoinedWrites<S>,
    news: Rc<ArrivalNews>,
}

/// What a socket has brought.
#[derive(Debug, Default)]
pub(in crate::upstream) struct ArrivalNews {
    /// Notified with each piece.
    pub(super) came: Notify,
    /// Why nothing comes any more. hyper only logs it.
    broken: RefCell<Option<io::Error>>,
}

impl ArrivalNews {
    /// Why a connection ended.
    pub(in crate::upstream) fn cause(&self) -> io::Error {
        self.broken.take().unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }
}

impl<S> Arrivals<S> {
    pub(in crate::upstream) fn new(socket: S, news: &Rc<ArrivalNews>) -> Self {
        Self { socket: JoinedWrites(socket), news: Rc::clone(news) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Arrivals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, buf));
        if let Err(error) = &read {
            *self.news.broken.borrow_mut() = Some(io::Error::new(error.kind(), error.to_string()));
        }
        // They run after the task that reads, which then has understood it.
        self.news.came.notify_waiters();
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Arrivals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
