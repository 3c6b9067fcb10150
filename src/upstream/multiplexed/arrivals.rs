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
    fn broke(&self, error: &io::Error) {
        *self.broken.borrow_mut() = Some(io::Error::new(error.kind(), error.to_string()));
    }

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

impl<S: AsyncRead + Unpin> Arrivals<S> {
    /// A peer that closed may have said why before, such as by an alert, which is still to be read.
    fn look_into<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &written {
            let mut byte = [0];
            let read = Pin::new(&mut self.socket).poll_read(cx, &mut ReadBuf::new(&mut byte));
            match read {
                Poll::Ready(Err(cause)) => self.news.broke(&cause),
                Poll::Ready(Ok(())) | Poll::Pending => self.news.broke(error),
            }
        }
        written
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
            self.news.broke(error);
        }
        // They run after the task that reads, which then has understood it.
        self.news.came.notify_waiters();
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Arrivals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.look_into(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.look_into(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.socket).poll_flush(cx);
        self.look_into(written, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
