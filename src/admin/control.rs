//! The private listener (`[control]`): what changes the process, or shows more than the pod's
//! network may see. There is no password: the mode of the unix socket, or loopback, is what keeps
//! others out, and the checks of `origin` keep out what a browser sends for a web page.

mod denials;
mod explain;
mod origin;
mod reload;
pub mod settings;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CACHE_CONTROL};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    View,
    connections::{self, ConnectionBounds},
    not_allowed, pages,
};
use crate::listener::Listener;

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

/// An operator and some scripts. What comes here has no cookies, and tokens in bodies only.
const BOUNDS: ConnectionBounds = ConnectionBounds {
    listener: "control",
    connections: 16,
    header_timeout: Duration::from_secs(10),
    head_bytes: 8 * 1024,
};

/// What there is: its method, its path, and what it does.
const PATHS: &[(&str, &str, &str)] = &[
    ("GET", "/", "this list"),
    ("GET", "/denials", "the last requests that did not pass; ?reason= issuer= route= id= limit="),
    ("POST", "/explain", "the verdict on the request that the body describes, check by check"),
    ("POST", "/reload", "read the configuration again, wait for the verdict and show it"),
];

/// Serves until `stop` is cancelled.
pub async fn serve(listener: Listener, view: Arc<ControlView>, stop: CancellationToken) {
    let answer = move |request| answer(request, Arc::clone(&view));
    connections::serve(listener, BOUNDS, stop, answer).await;
}

/// No answer may be kept: they show what is true at the moment.
async fn answer(request: Request<Incoming>, view: Arc<ControlView>) -> Response<Full<Bytes>> {
    let mut response = match origin::check(request.headers()) {
        Ok(()) => of_path(request, &view).await,
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
    // Also of a request that needs none: an answer before the end of its body would be reset.
    let Some(body) = connections::read_body(body).await else {
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

fn list() -> String {
    let line = |(method, path, does): &(&str, &str, &str)| format!("{method:<4} {path:<12} {does}");
    PATHS.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}
