//! WebSocket tunnels: after both sides have agreed, bytes pass in both directions untouched.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes},
    time::Instant,
};

use super::upgrade::Ends;

/// Bytes held in each direction of one tunnel (threats W-6).
const BUFFER: usize = 8 * 1024;

/// Connects the client with the upstream until either side ends, or both are silent for
/// `idle_timeout`.
pub(super) async fn run(ends: Ends, idle_timeout: Duration) {
    let (client, upstream) = match tokio::try_join!(ends.client, ends.upstream) {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%error, "the upgrade was not completed");
            return;
        }
    };
    let last_bytes = Rc::new(Cell::new(Instant::now()));
    let mut client = Watched { io: TokioIo::new(client), last_bytes: Rc::clone(&last_bytes) };
    let mut upstream = Watched { io: TokioIo::new(upstream), last_bytes: Rc::clone(&last_bytes) };
    let copy = copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER);
    tokio::select! {
        outcome = copy => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "tunnel ended");
            }
        }
        () = silence(&last_bytes, idle_timeout) => tracing::debug!("tunnel idle, closed"),
    }
}

async fn silence(last_bytes: &Cell<Instant>, allowed: Duration) {
    loop {
        let deadline = last_bytes.get() + allowed;
        if deadline <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(deadline).await;
    }
}

/// Notes when bytes last came.
struct Watched<S> {
    io: S,
    last_bytes: Rc<Cell<Instant>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        if outcome.is_ready() {
            self.last_bytes.set(Instant::now());
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
