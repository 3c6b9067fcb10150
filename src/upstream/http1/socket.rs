//! The socket of an HTTP/1.1 connection.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use crate::upstream::{caps::CountedConnection, tls_socket::TlsSocket};

/// A socket of any kind, as one of the connections of its upstream.
#[derive(Debug)]
pub(crate) struct UpstreamSocket {
    kind: SocketKind,
    /// Boxed: a socket is moved with every request.
    _counted: Box<CountedConnection>,
}

/// What is read and written.
#[derive(Debug)]
pub(crate) enum SocketKind {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: its state is some kilobytes.
    Tls(Box<TlsSocket>),
}

impl UpstreamSocket {
    pub(in crate::upstream) fn new(kind: SocketKind, counted: CountedConnection) -> Self {
        Self { kind, _counted: Box::new(counted) }
    }

    /// Whether HTTP/2 was agreed on in a handshake.
    pub(in crate::upstream) fn is_http2(&self) -> bool {
        matches!(&self.kind, SocketKind::Tls(socket) if socket.is_http2())
    }
}

/// A socket that can be looked at without reading.
pub(crate) trait Peeked {
    /// Whether the peer has closed, or sent what was not asked for. The runtime may learn of it
    /// later.
    fn has_news(&mut self) -> bool;
}

impl Peeked for UpstreamSocket {
    #[cold]
    fn has_news(&mut self) -> bool {
        let socket = match &mut self.kind {
            SocketKind::Tcp(socket) => SockRef::from(&*socket),
            SocketKind::Unix(socket) => SockRef::from(&*socket),
            SocketKind::Tls(socket) => return socket.has_news(),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for UpstreamSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            SocketKind::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            SocketKind::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
            SocketKind::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            SocketKind::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            SocketKind::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
            SocketKind::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            SocketKind::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, pieces),
            SocketKind::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, pieces),
            SocketKind::Tls(socket) => Pin::new(socket).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            SocketKind::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            SocketKind::Unix(socket) => Pin::new(socket).poll_flush(cx),
            SocketKind::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            SocketKind::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            SocketKind::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            SocketKind::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
