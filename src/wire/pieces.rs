//! Writes in pieces. hyper hands a head and its body over as two, and a list even of one. The
//! kernel takes longer for a list than for a buffer, and for that longer than copying a small one
//! takes: some 0.2 µs for each of the two writes of a forwarded request (`docs/performance.md`).

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As long as most heads with a small body. Copying more takes as long as the list.
const MAX_JOINED_BYTES: usize = 4096;

thread_local! {
    /// The thread's buffer for joined pieces, empty between two writes.
    static JOINED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Writes `pieces`, or the beginning of them, with one system call: as one buffer if they are
/// small.
pub(crate) fn write<S: AsyncWrite>(
    socket: Pin<&mut S>,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if let [piece] = pieces {
        return socket.poll_write(cx, piece);
    }
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > MAX_JOINED_BYTES {
        return socket.poll_write_vectored(cx, pieces);
    }
    // Taken, not borrowed: below TLS is a socket that writes in pieces, too.
    let mut joined = JOINED.take();
    for piece in pieces {
        joined.extend_from_slice(piece);
    }
    let written = socket.poll_write(cx, &joined);
    joined.clear();
    JOINED.set(joined);
    written
}

/// A socket whose small pieces are written as one.
#[derive(Debug)]
pub(crate) struct JoinedWrites<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for JoinedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for JoinedWrites<S> {
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
        write(Pin::new(&mut self.0), cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// What was written, call by call, and whether as a list.
    #[derive(Default)]
    struct Recorder {
        calls: Vec<(Vec<u8>, bool)>,
        takes_at_most: Option<usize>,
    }

    impl Recorder {
        fn take(&mut self, bytes: &[u8], is_list: bool) -> Poll<io::Result<usize>> {
            let taken = self.takes_at_most.unwrap_or(usize::MAX).min(bytes.len());
            self.calls.push((bytes[..taken].to_vec(), is_list));
            Poll::Ready(Ok(taken))
        }
    }

    impl AsyncWrite for Recorder {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.take(bytes, false)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            self.take(&bytes, true)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn written(socket: Recorder, pieces: &[&[u8]]) -> (usize, Vec<(Vec<u8>, bool)>) {
        let pieces: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut socket = JoinedWrites(socket);
        assert!(socket.is_write_vectored(), "else hyper would copy large bodies as well");
        let taken =
            poll_fn(|cx| Pin::new(&mut socket).poll_write_vectored(cx, &pieces)).await.unwrap();
        (taken, socket.0.calls)
    }

    #[tokio::test]
    async fn small_pieces_are_one_buffer_up_to_the_last_byte_that_fits() {
        let head = [b'h'; MAX_JOINED_BYTES - 24];
        for (body, is_list) in [(&[b'b'; 24][..], false), (&[b'b'; 25], true)] {
            let (taken, calls) = written(Recorder::default(), &[&head, b"", body]).await;
            assert_eq!(taken, head.len() + body.len());
            assert_eq!(calls, [([&head, body].concat(), is_list)]);
        }
    }

    #[tokio::test]
    async fn a_single_piece_is_no_list_however_large_it_is() {
        let body = [b'b'; 16 * 1024];
        let (taken, calls) = written(Recorder::default(), &[&body]).await;
        assert_eq!((taken, calls), (body.len(), vec![(body.to_vec(), false)]));
    }

    #[tokio::test]
    async fn what_the_socket_does_not_take_is_not_said_to_be_written() {
        let socket = Recorder { takes_at_most: Some(5), ..Recorder::default() };
        let (taken, calls) = written(socket, &[b"head", b"body"]).await;
        assert_eq!((taken, calls), (5, vec![(b"headb".to_vec(), false)]));
    }

    #[tokio::test]
    async fn nothing_is_nothing() {
        let (taken, _) = written(Recorder::default(), &[]).await;
        assert_eq!(taken, 0);
    }
}
