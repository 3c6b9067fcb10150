//! The private listener (`[control]`): what changes the process, or shows more than the pod's
//! network may see. There is no password: the mode of the unix socket, or loopback, is what keeps
//! others out, and the checks of `origin` keep out what a browser sends for a web page.

mod denials;
mod explain;
mod origin;
mod reload;
pub mod settings;

use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CACHE_CONTROL};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{View, not_allowed, pages};
use crate::listener::{ByteStream, ConnectionHandler, Listener};

pub use explain::{ExplainedCheck, Explanation, ExplanationRate, ForwardedRequest, NotChecked};
pub use reload::{ReloadOutcome, ReloadRequest, ReloadTrigger, ReloadVerdict};

/// What the private listener's paths use.
#[derive(Debug)]
pub struct ControlView {
    /// What the operator's pages show.
    pub pages: Arc<View>,
    /// Has the configuration read again.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// How often is explained.
    pub explanations: ExplanationRate,
}

/// Connections at the same time: an operator and some scripts.
const MAX_CONNECTIONS: usize = 16;

/// For a request's header block, and between requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest header block: what comes here has no cookies and no tokens. hyper takes no less.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// For the whole body: it fits into a few packets.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest life of a connection: several reloads that wait for keys until their deadline, and
/// an end for a client that does not read.
const MAX_CONNECTION_TIME: Duration = Duration::from_mins(2);

/// What there is: its method, its path, and what it does.
const PATHS: &[(&str, &str, &str)] = &[
    ("GET", "/", "this list"),
    ("GET", "/denials", "the last requests that did not pass; ?reason= issuer= route= id= limit="),
    ("POST", "/explain", "the verdict on the request that the body describes, check by check"),
    ("POST", "/reload", "read the configuration again, wait for the verdict and show it"),
];

/// Serves the listener's connections.
struct Commands {
    view: Arc<ControlView>,
    slots: Arc<Semaphore>,
}

/// Serves until `stop` is cancelled.
pub async fn serve(listener: Listener, view: Arc<ControlView>, stop: CancellationToken) {
    let commands = Commands { view, slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)) };
    if let Err(error) = listener.accept(&commands, &stop).await {
        tracing::error!(%error, "the private listener ended");
    }
}

impl ConnectionHandler for Commands {
    type Slot = OwnedSemaphorePermit;

    async fn slot(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(io::Error::other)
    }

    fn serve(&self, socket: impl ByteStream, _: Option<IpAddr>, slot: OwnedSemaphorePermit) {
        let connection = connection(socket, Arc::clone(&self.view), slot);
        tokio::spawn(timeout(MAX_CONNECTION_TIME, connection));
    }
}

async fn connection(socket: impl ByteStream, view: Arc<ControlView>, _slot: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let view = Arc::clone(&view);
        async move { Ok::<_, Infallible>(answer(request, &view).await) }
    });
    let outcome = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection of the private listener ended");
    }
}

/// No answer may be kept: they show what is true at the moment.
async fn answer(request: Request<Incoming>, view: &ControlView) -> Response<Full<Bytes>> {
    let mut response = match origin::check(request.headers()) {
        Ok(()) => of_path(request, view).await,
        Err(foreign) => {
            tracing::warn!(cause = ?foreign, "a request to the private listener is refused");
            pages::text(StatusCode::FORBIDDEN, foreign.text().to_owned())
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn of_path(request: Request<Incoming>, view: &ControlView) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Some(body) = read_body(body).await else {
        return pages::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too long or incomplete\n".to_owned(),
        );
    };
    match (&head.method, head.uri.path()) {
        (&Method::GET | &Method::HEAD, "/") => pages::text(StatusCode::OK, list()),
        (&Method::GET | &Method::HEAD, "/denials") => {
            let engine = view.pages.engine.load();
            denials::answer(&head.uri, &head.headers, engine.recent_denials())
        }
        (&Method::POST, "/explain") => {
            let proxy = view.pages.proxy.load_full();
            explain::answer(&body, &proxy, &view.explanations).await
        }
        (&Method::POST, "/reload") => reload::answer(&view.reloads).await,
        (_, "/explain" | "/reload") => not_allowed("only POST\n", "POST"),
        (_, "/" | "/denials") => not_allowed("only GET\n", "GET, HEAD"),
        _ => pages::text(StatusCode::NOT_FOUND, list()),
    }
}

/// Also of a request that needs none: an answer before the end of its body would be reset.
async fn read_body(body: Incoming) -> Option<Bytes> {
    let body = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    body.ok()?.ok().map(http_body_util::Collected::to_bytes)
}

fn list() -> String {
    let line = |(method, path, does): &(&str, &str, &str)| format!("{method:<4} {path:<12} {does}");
    PATHS.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
