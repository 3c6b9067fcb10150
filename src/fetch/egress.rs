//! The way to a server: directly, or through a tunnel of an HTTP proxy.
//!
//! The proxy resolves the server's name, and sees nothing but that name and its port: TLS begins
//! inside of the tunnel, and the server's certificate is checked as ever. No variable of the
//! environment names a proxy.

mod tunnel;

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{net::TcpStream, task::spawn_blocking, time::timeout};
use tower_service::Service;
use zeroize::Zeroizing;

use super::settings::{EgressProxySettings, parse_credentials};
use crate::config::files::read_secret;

use tunnel::TunnelFault;

/// Opens connections, as hyper wants it.
#[derive(Debug, Clone)]
pub(super) struct EgressConnector {
    direct: HttpConnector,
    proxy: Option<Arc<EgressProxySettings>>,
    /// For the way through a proxy: connecting to it, and its answer.
    limit: Duration,
}

/// A tunnel that was not opened.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} {problem}")]
pub(super) struct EgressError {
    proxy: String,
    problem: EgressProblem,
}

#[derive(Debug, thiserror::Error)]
enum EgressProblem {
    #[error("can't be reached: {}", super::chain(&**.0))]
    Unreachable(BoxError),
    #[error("has not opened a tunnel within {0:?}")]
    Timeout(Duration),
    #[error("can't be given its credentials: {0}")]
    Credentials(String),
    #[error("{0}")]
    Tunnel(#[from] TunnelFault),
}

type BoxError = Box<dyn Error + Send + Sync>;
type ConnectedStream = TokioIo<TcpStream>;

impl EgressConnector {
    pub(super) fn new(
        direct: HttpConnector,
        proxy: Option<&EgressProxySettings>,
        limit: Duration,
    ) -> Self {
        Self { direct, proxy: proxy.cloned().map(Arc::new), limit }
    }
}

impl Service<Uri> for EgressConnector {
    type Response = ConnectedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<ConnectedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.clone() else {
            let connecting = self.direct.call(server);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        };
        let connecting = self.direct.call(proxy.url.clone());
        let limit = self.limit;
        Box::pin(async move {
            let opening = open(connecting, &proxy, &server);
            let opened = timeout(limit, opening).await;
            let opened = opened.unwrap_or(Err(EgressProblem::Timeout(limit)));
            opened.map_err(|problem| EgressError { proxy: proxy.shown(), problem }.into())
        })
    }
}

async fn open<E: Into<BoxError>>(
    connecting: impl Future<Output = Result<ConnectedStream, E>>,
    proxy: &EgressProxySettings,
    server: &Uri,
) -> Result<ConnectedStream, EgressProblem> {
    let credentials = credentials(proxy).await?;
    let stream = connecting.await.map_err(|error| EgressProblem::Unreachable(error.into()))?;
    let mut stream = stream.into_inner();
    tunnel::open(&mut stream, server, credentials.as_ref().map(|pair| &***pair)).await?;
    Ok(TokioIo::new(stream))
}

/// Read each time, as secrets are: a rotated password needs no reload.
async fn credentials(
    proxy: &EgressProxySettings,
) -> Result<Option<Zeroizing<Vec<u8>>>, EgressProblem> {
    let Some(file) = proxy.credentials_file.clone() else {
        return Ok(None);
    };
    let read = spawn_blocking(move || {
        let content = read_secret(&file)?;
        parse_credentials(&content)
            .map_err(|problem| format!("the file {} {problem}", file.display()))
    });
    let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
    read.map(Some).map_err(EgressProblem::Credentials)
}

/// The failure of a proxy at the bottom of an error, in words.
pub(super) fn failure_in(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(failure) = error.downcast_ref::<EgressError>() {
            return Some(failure.to_string());
        }
        cause = error.source();
    }
    None
}
