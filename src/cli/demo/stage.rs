//! The thread on which the demo's provider and upstream play: a small HTTP/1.1 server.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    runtime::Builder,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::listener::{ByteStream, ConnectionHandler, Listener};

/// Answers requests whose body has been read.
pub(super) trait Responder: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>>;
}

/// A running thread; dropped, it ends and its connections with it.
pub(super) struct Stage {
    ended: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

/// Serves the connections of one listener.
struct Answers {
    service: Arc<dyn Responder>,
    slots: Arc<Semaphore>,
}

/// Connections of one listener at the same time: one user and a proxy need few.
const MAX_CONNECTIONS: usize = 128;
/// Forms and greetings fit.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// For a request's header block.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

impl Stage {
    /// Serves each listener by its service.
    pub(super) fn open<const N: usize>(
        services: [(TcpListener, Arc<dyn Responder>); N],
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        for (listener, service) in services {
            listener.set_nonblocking(true)?;
            let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            tokio::spawn(accept(Listener::Tcp(listener), Answers { service, slots }));
        }
        drop(entered);
        let ended = CancellationToken::new();
        let end = ended.clone();
        let thread = thread::Builder::new()
            .name("stage".to_owned())
            .spawn(move || runtime.block_on(end.cancelled()))?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.ended.cancel();
        // A panic has been reported by its own message.
        self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn accept(listener: Listener, answers: Answers) {
    if let Err(error) = listener.accept(&answers, &CancellationToken::new()).await {
        tracing::warn!(%error, "a listener of the demo ended");
    }
}

impl ConnectionHandler for Answers {
    type Slot = OwnedSemaphorePermit;

    async fn slot(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(io::Error::other)
    }

    fn serve(&self, socket: impl ByteStream, _: Option<IpAddr>, slot: OwnedSemaphorePermit) {
        tokio::spawn(connection(socket, Arc::clone(&self.service), slot));
    }
}

async fn connection(
    socket: impl ByteStream,
    service: Arc<dyn Responder>,
    _slot: OwnedSemaphorePermit,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service_fn(|request| respond(request, &*service)));
    if let Err(error) = served.await {
        tracing::debug!(%error, "connection to the demo ended");
    }
}

async fn respond(
    request: Request<Incoming>,
    service: &dyn Responder,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => service.answer(&Request::from_parts(head, body.to_bytes())),
        Err(_) => text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
    })
}

/// An answer of plain text.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond_with(status, "text/plain; charset=utf-8", text.into())
}

/// An answer of JSON.
pub(super) fn json(status: StatusCode, json: impl Into<Bytes>) -> Response<Full<Bytes>> {
    respond_with(status, "application/json", json.into())
}

fn respond_with(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Tokens are not to be kept (RFC 6749 §5.1), and nothing else here needs to be.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
