//! Connections of the operator's listeners: HTTP/1.1, bounded in number, in size and in time.

use std::{convert::Infallible, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::listener::{ByteStream, ConnectionHandler, Listener};

/// The bounds of the connections of one listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionBounds {
    /// What the listener is called in logs.
    pub(super) listener: &'static str,
    /// At the same time; others wait in the kernel.
    pub(super) connections: usize,
    /// For a request's header block, and between requests.
    pub(super) header_timeout: Duration,
    /// The largest header block. hyper takes no less than 8 KiB.
    pub(super) head_bytes: usize,
}

/// After that a connection ends with the request under way. A client that does not read holds its
/// place no longer.
const LIFETIME: Duration = Duration::from_secs(100);

/// For the last answer of a connection: as long as a reload waits for keys, and some more.
const LAST_ANSWER: Duration = Duration::from_secs(20);

/// The largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// For the whole body of a request: it fits into a few packets.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a listener until `stop` is cancelled; `answer` makes the answers.
pub(super) async fn serve<A, F>(
    listener: Listener,
    bounds: ConnectionBounds,
    stop: CancellationToken,
    answer: A,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(bounds.connections));
    if let Err(error) = listener.accept(&OperatorConnections { bounds, slots, answer }, &stop).await
    {
        tracing::error!(listener = bounds.listener, %error, "an operator's listener ended");
    }
}

/// The body of a request; `None`: it is too long, incomplete or late.
pub(super) async fn read_body(body: Incoming) -> Option<Bytes> {
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    body.ok()?.ok().map(Collected::to_bytes)
}

struct OperatorConnections<A> {
    bounds: ConnectionBounds,
    slots: Arc<Semaphore>,
    answer: A,
}

impl<A, F> ConnectionHandler for OperatorConnections<A>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    type Slot = OwnedSemaphorePermit;

    async fn slot(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(io::Error::other)
    }

    fn serve(&self, socket: impl ByteStream, _: Option<IpAddr>, slot: OwnedSemaphorePermit) {
        let connection = connection(socket, self.bounds, self.answer.clone());
        tokio::spawn(async move {
            connection.await;
            drop(slot);
        });
    }
}

async fn connection<A, F>(socket: impl ByteStream, bounds: ConnectionBounds, answer: A)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_buf_size(bounds.head_bytes)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut outcome = timeout(LIFETIME, connection.as_mut()).await;
    if outcome.is_err() {
        connection.as_mut().graceful_shutdown();
        outcome = timeout(LAST_ANSWER, connection).await;
    }
    if let Ok(Err(error)) = outcome {
        tracing::debug!(listener = bounds.listener, %error, "an operator's connection ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, sleep},
    };

    use super::*;

    const BOUNDS: ConnectionBounds = ConnectionBounds {
        listener: "test",
        connections: 1,
        header_timeout: Duration::from_secs(30),
        head_bytes: 8 * 1024,
    };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    fn page(text: &'static str) -> Response<Full<Bytes>> {
        Response::new(Full::new(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test(start_paused = true)]
    async fn d1_a_client_that_does_not_read_holds_a_connection_for_two_minutes() {
        let (mut client, socket) = duplex(REQUEST.len());
        client.write_all(REQUEST).await.unwrap();
        let began = Instant::now();
        connection(socket, BOUNDS, |_| async { page("more than the client reads") }).await;
        assert_eq!(began.elapsed(), LIFETIME + LAST_ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_under_way_at_the_end_of_a_connection_is_answered() {
        let (mut client, socket) = duplex(1024);
        client.write_all(REQUEST).await.unwrap();
        let answer = |_| async {
            sleep(LIFETIME + LAST_ANSWER / 2).await;
            page("late")
        };
        connection(socket, BOUNDS, answer).await;
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert!(text.contains("connection: close") && text.ends_with("late"), "{text}");
    }
}
