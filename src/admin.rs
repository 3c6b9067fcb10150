//! The operator's listener: `/livez /readyz /metrics /keys /jwks /config`, and
//! `/backchannel-logout` for issuers, apart from the port for requests (threats P-11, O-5).

mod connections;
pub mod control;
mod exposition;
mod logout;
mod metrics;
mod pages;
mod readiness;
pub mod settings;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::ALLOW};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use self::connections::ConnectionBounds;
use crate::{
    clock::Clock, decision::Engine, listener::Listener, providers::Providers, proxy::ProxyConfig,
    readiness::ProcessReadiness, telemetry::MetricRegistry,
};

pub(crate) use metrics::Metrics;
pub use readiness::{ReadinessBoard, follow_readiness};

/// What is shown of the configuration in use.
#[derive(Debug)]
pub struct ShownConfiguration {
    /// The whole of it, as TOML. It holds no secrets, only the names of files that do.
    pub toml: String,
    /// The public keys that upstreams check assertions with; `None`: there are no assertions.
    pub jwks: Option<Arc<str>>,
}

/// What the pages show.
#[derive(Debug)]
pub struct View {
    /// The configuration in use, in its own words.
    pub configuration: Arc<ArcSwap<ShownConfiguration>>,
    /// The engine in use.
    pub engine: Arc<ArcSwap<Engine>>,
    /// Its providers: keys, introspection, revocation.
    pub providers: Arc<ArcSwap<Providers>>,
    /// The time, for ages.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub metrics: MetricRegistry,
    /// What the process adds to readiness.
    pub readiness: Arc<ProcessReadiness>,
    /// What serves requests: its upstreams and listeners.
    pub proxy: Arc<ArcSwap<ProxyConfig>>,
    /// Since when things are as they are.
    pub board: Arc<ReadinessBoard>,
}

/// Probes and scrapers are few, and browsers may have cookies.
const BOUNDS: ConnectionBounds = ConnectionBounds {
    listener: "admin",
    connections: 64,
    header_timeout: Duration::from_secs(30),
    head_bytes: 64 * 1024,
};

/// Serves the pages until `stop` is cancelled.
pub async fn serve(listener: Listener, view: Arc<View>, stop: CancellationToken) {
    let answer = move |request| answer(request, Arc::clone(&view));
    connections::serve(listener, BOUNDS, stop, answer).await;
}

async fn answer(request: Request<Incoming>, view: Arc<View>) -> Response<Full<Bytes>> {
    let view = &*view;
    let is_logout = request.uri().path() == logout::PATH;
    match (request.method(), is_logout) {
        (&Method::POST, true) => logout::answer(request, view).await,
        (_, true) => not_allowed("only POST\n", "POST"),
        (&Method::GET | &Method::HEAD, false) => page(&request, view),
        (_, false) => not_allowed("only GET\n", "GET, HEAD"),
    }
}

fn page<B>(request: &Request<B>, view: &View) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/livez" => pages::liveness(view),
        "/readyz" => readiness::page(request, view),
        "/metrics" => exposition::answer(request.headers(), view),
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
