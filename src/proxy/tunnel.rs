//! Tunnels: after both sides have agreed, bytes pass in both directions untouched.

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
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional_with_sizes},
    sync::Notify,
    time::{Instant, sleep_until},
};

use tokio_util::sync::CancellationToken;

use crate::{decision::RequestRecord, upstream::settings::WEBSOCKET};

use super::upgrade::Ends;

/// Bytes held in each direction of one tunnel (threats W-6).
const BUFFER: usize = 8 * 1024;

/// How long a WebSocket may be silent that one side has ended. It has no use for half a
/// connection: whose peer has gone ends its own side in a moment (RFC 6455 §7.1.1). Other protocols
/// may have: what goes in may end long before what comes out.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects the client with the upstream until either side ends, or both are silent for
/// `idle_timeout`, or until `stop`. Bytes from and to the client are counted.
pub(super) async fn run(
    ends: Ends,
    idle_timeout: Duration,
    stop: CancellationToken,
    record: Rc<RequestRecord>,
) {
    let Ends { protocol, client, upstream, sent, endpoint: _in_flight } = ends;
    let half_closed_timeout =
        if protocol == WEBSOCKET { HALF_CLOSED_TIMEOUT.min(idle_timeout) } else { idle_timeout };
    let client = match client.await {
        Ok(client) => client,
        Err(error) => {
            tracing::debug!(%error, "the upgrade was not completed");
            return;
        }
    };
    let traffic = Traffic::begin();
    let count = Some(&*record);
    let mut client = Watched { io: TokioIo::new(client), traffic: &traffic, count };
    let mut upstream = Watched { io: upstream, traffic: &traffic, count: None };
    let copy = async {
        client.write_all(&sent).await?;
        drop(sent);
        copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER).await
    };
    tokio::select! {
        outcome = copy => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "tunnel ended");
            }
        }
        () = traffic.silence(idle_timeout, half_closed_timeout) => tracing::debug!("tunnel idle, closed"),
        () = stop.cancelled() => {
            // Both sides see an end, no reset. The stop has a deadline for this as well.
            let _ = tokio::join!(client.shutdown(), upstream.shutdown());
        }
    }
}

/// What both directions of a tunnel have seen.
#[derive(Debug)]
struct Traffic {
    last_bytes: Cell<Instant>,
    /// Notified when a side has sent its last byte.
    half_closed: Notify,
}

impl Traffic {
    fn begin() -> Self {
        Self { last_bytes: Cell::new(Instant::now()), half_closed: Notify::new() }
    }

    /// Resolves when nothing has come for too long.
    async fn silence(&self, allowed: Duration, half_closed: Duration) {
        tokio::select! {
            () = self.silent_for(allowed) => return,
            () = self.half_closed.notified() => {}
        }
        self.silent_for(half_closed).await;
    }

    async fn silent_for(&self, allowed: Duration) {
        loop {
            let deadline = self.last_bytes.get() + allowed;
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }
}

/// Notes when bytes last came, and their end.
struct Watched<'t, S> {
    io: S,
    traffic: &'t Traffic,
    /// Of the client's side.
    count: Option<&'t RequestRecord>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        if outcome.is_ready() {
            self.traffic.last_bytes.set(Instant::now());
            let read = buf.filled().len() - filled;
            self.count.iter().for_each(|record| record.received(read));
            if read == 0 {
                self.traffic.half_closed.notify_one();
            }
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        if let (Poll::Ready(Ok(written)), Some(record)) = (&outcome, self.count) {
            record.sent(*written);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const ALLOWED: Duration = Duration::from_mins(5);

    /// How many seconds a tunnel lives whose client writes at these seconds, and then ends, or not.
    async fn life(writes: &[u64], ends: bool, allowed: Duration, half_closed: Duration) -> u64 {
        let began = Instant::now();
        let (mut client, socket) = duplex(64);
        let traffic = Traffic::begin();
        let mut watched = Watched { io: socket, traffic: &traffic, count: None };
        let talk = async {
            for second in writes {
                sleep_until(began + Duration::from_secs(*second)).await;
                client.write_all(b"x").await.unwrap();
            }
            if ends {
                client.shutdown().await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let listen = async {
            while watched.read(&mut [0; 8]).await.unwrap() > 0 {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = talk => {}
            () = listen => {}
            () = traffic.silence(allowed, half_closed) => {}
        }
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn w6_a_tunnel_ends_when_it_is_silent_and_half_of_one_sooner() {
        let websocket = HALF_CLOSED_TIMEOUT;
        assert_eq!(life(&[], false, ALLOWED, websocket).await, 300);
        assert_eq!(life(&[100, 399, 600], false, ALLOWED, websocket).await, 900);
        assert_eq!(life(&[], true, ALLOWED, websocket).await, 10);
        assert_eq!(life(&[100, 250], true, ALLOWED, websocket).await, 260);
        let short = Duration::from_secs(3);
        assert_eq!(life(&[2], true, short, short).await, 5);
        assert_eq!(life(&[100], true, ALLOWED, ALLOWED).await, 400);
    }
}
