//! A socket with TLS over it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::tls;

use super::http1::Peeked;

/// A connection over TLS. Dropped, it says `close_notify` if the socket takes it at once: the
/// upstream then knows that nothing was cut off (RFC 8446 §6.1).
#[derive(Debug)]
pub(crate) struct TlsSocket(TlsStream<TcpStream>);

/// How often an unused connection is read before it counts as one with news. What comes unasked are
/// a few tickets, in one or two packets.
const MAX_LOOKS: usize = 4;

impl TlsSocket {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self(stream)
    }

    pub(super) fn is_http2(&self) -> bool {
        tls::is_http2(&self.0)
    }
}

impl Peeked for TlsSocket {
    /// Tickets for later sessions are no news (RFC 8446 §4.6.1): they are taken.
    #[cold]
    fn has_news(&mut self) -> bool {
        let (socket, session) = self.0.get_mut();
        let socket = SockRef::from(&*socket);
        for _ in 0..MAX_LOOKS {
            match session.read_tls(&mut &*socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            }
            match session.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => {}
                Ok(_) | Err(_) => return true,
            }
        }
        true
    }
}

impl AsyncRead for TlsSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Drop for TlsSocket {
    fn drop(&mut self) {
        let (socket, session) = self.0.get_mut();
        // Behind a part of a record it would come too late.
        if session.wants_write() {
            return;
        }
        session.send_close_notify();
        // A socket that is closed, or full, does without.
        let _ = session.write_tls(&mut &*SockRef::from(&*socket));
    }
}

#[cfg(test)]
mod tests;
