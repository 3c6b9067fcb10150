//! The operator's listener: `/livez /readyz /metrics /keys /jwks /config`, and
//! `/backchannel-logout` for issuers, apart from the port that requests come in on (threats P-11,
//! O-5).

mod logout;
mod pages;

use std::{io, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::ALLOW};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    clock::Clock,
    providers::Providers,
    proxy::{Engine, Listener},
    readiness::ProcessReadiness,
    telemetry::Metrics,
};

/// What the pages show.
#[derive(Debug)]
pub struct View {
    /// The configuration in use.
    pub engine: Arc<ArcSwap<Engine>>,
    /// Its keys, and what else it asks its providers for.
    pub providers: Arc<ArcSwap<Providers>>,
    /// The time, for ages.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub metrics: Metrics,
    /// What the process adds to readiness.
    pub readiness: Arc<ProcessReadiness>,
}

/// Connections at the same time: probes and scrapers are few.
const MAX_CONNECTIONS: usize = 64;

/// For a request's header block, and between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// After an accept that failed, e.g. for want of file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves the pages until the task is dropped.
pub async fn serve(listener: Listener, view: Arc<View>) {
    let outcome = match listener {
        Listener::Tcp(listener) => match TcpListener::from_std(listener) {
            Ok(listener) => accept_tcp(listener, view).await,
            Err(error) => Err(error),
        },
        Listener::Unix(listener) => match UnixListener::from_std(listener) {
            Ok(listener) => accept_unix(listener, view).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = outcome {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn accept_tcp(listener: TcpListener, view: Arc<View>) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = free_slot(&slots).await?;
        let accepted = listener.accept().await.map(|(socket, _)| socket);
        start(accepted, &view, slot).await;
    }
}

async fn accept_unix(listener: UnixListener, view: Arc<View>) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = free_slot(&slots).await?;
        let accepted = listener.accept().await.map(|(socket, _)| socket);
        start(accepted, &view, slot).await;
    }
}

async fn free_slot(slots: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
    Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)
}

async fn start<S>(accepted: io::Result<S>, view: &Arc<View>, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match accepted {
        Ok(socket) => {
            tokio::spawn(connection(socket, Arc::clone(view), slot));
        }
        Err(error) => {
            tracing::warn!(%error, "the admin listener cannot accept");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
        }
    }
}

async fn connection<S>(socket: S, view: Arc<View>, _slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let view = Arc::clone(&view);
        async move { Ok::<_, std::convert::Infallible>(answer(request, &view).await) }
    });
    let outcome = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = outcome {
        tracing::debug!(%error, "admin connection ended");
    }
}

async fn answer(request: Request<Incoming>, view: &View) -> Response<Full<Bytes>> {
    let is_logout = request.uri().path() == logout::PATH;
    match (request.method(), is_logout) {
        (&Method::POST, true) => logout::answer(request, view).await,
        (_, true) => not_allowed("only POST\n", "POST"),
        (&Method::GET | &Method::HEAD, false) => page(request.uri().path(), view),
        (_, false) => not_allowed("only GET\n", "GET, HEAD"),
    }
}

fn page(path: &str, view: &View) -> Response<Full<Bytes>> {
    match path {
        "/livez" => pages::text(StatusCode::OK, "alive\n".to_owned()),
        "/readyz" => pages::readiness(view),
        "/metrics" => pages::metrics(view),
        "/keys" => pages::keys(view),
        "/jwks" => pages::jwks(view),
        "/config" => pages::config(view),
        _ => pages::text(
            StatusCode::NOT_FOUND,
            "/livez /readyz /metrics /keys /jwks /config\n".to_owned(),
        ),
    }
}

fn not_allowed(text: &str, allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = pages::text(StatusCode::METHOD_NOT_ALLOWED, text.to_owned());
    response.headers_mut().insert(ALLOW, http::HeaderValue::from_static(allow));
    response
}
