//! Health checks: a request of our own to each endpoint, over its own protocol and over a
//! connection of its own, so that it is known whether new ones can be opened. Once per process.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{CONNECTION, HOST, USER_AGENT},
};
use http_body_util::Empty;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    bounded::backoff::random_fraction,
    tls::{HandshakeFailure, UpstreamTls, is_http2},
    upstream::settings::{HealthSettings, UpstreamAddress},
};

use super::{EndpointTarget, SharedEndpoints};

/// So much of an interval is random: replicas do not check all at once.
const JITTER: f64 = 0.2;

/// What the service's log calls us.
const NAME: HeaderValue = HeaderValue::from_static("countersign-health");

/// Why an endpoint counts as down.
#[derive(Debug, thiserror::Error)]
enum FailedCheck {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("broken exchange: {0}")]
    Broken(#[from] hyper::Error),
    #[error("cannot be addressed: {0}")]
    Unaddressable(#[from] http::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeFailure),
    #[error("the status is {0}")]
    Status(http::StatusCode),
}

/// How endpoints are checked.
#[derive(Debug)]
pub(super) struct HealthChecks {
    settings: HealthSettings,
    /// With `https://`.
    tls: Option<Arc<UpstreamTls>>,
}

/// Checks all endpoints, each once in an interval.
pub(super) async fn keep_checked(shared: Arc<SharedEndpoints>, checks: HealthChecks) {
    let checks = Arc::new(checks);
    loop {
        // Those of one round run at the same time, and end with it: each has its timeout, which is
        // not longer than the interval.
        let mut round = JoinSet::new();
        for (id, target) in shared.targets() {
            let (shared, checks) = (Arc::clone(&shared), Arc::clone(&checks));
            round.spawn(async move {
                let outcome = checks.check(&target).await;
                if let Err(error) = &outcome {
                    let upstream = shared.upstream.as_str();
                    tracing::debug!(upstream, endpoint = %target, %error, "health check failed");
                }
                shared.checked(id, outcome.is_ok());
            });
        }
        let interval = checks.settings.interval;
        let pause = sleep(interval.mul_f64(1.0 - JITTER * random_fraction()));
        tokio::join!(pause, round.join_all());
    }
}

impl HealthChecks {
    pub(super) fn new(settings: &HealthSettings, tls: Option<&Arc<UpstreamTls>>) -> Self {
        Self { settings: settings.clone(), tls: tls.cloned() }
    }

    async fn check(&self, target: &EndpointTarget) -> Result<(), FailedCheck> {
        let allowed = self.settings.timeout;
        let answer = timeout(allowed, self.exchange(target)).await;
        let answer = answer.map_err(|_| FailedCheck::Timeout(allowed))??;
        if self.settings.expect.contains(&answer.status()) {
            Ok(())
        } else {
            Err(FailedCheck::Status(answer.status()))
        }
    }

    async fn exchange(&self, target: &EndpointTarget) -> Result<Response<Incoming>, FailedCheck> {
        let path = self.settings.path.as_str();
        match &target.url {
            UpstreamAddress::Unix(socket) => {
                over_http1(UnixStream::connect(socket).await?, "localhost", path).await
            }
            UpstreamAddress::Http(authority) => {
                over_http1(connect(target, authority).await?, authority, path).await
            }
            UpstreamAddress::H2c(authority) => {
                let socket = connect(target, authority).await?;
                over_http2(socket, format!("http://{authority}{path}")).await
            }
            UpstreamAddress::Https(authority) => {
                let tls = self
                    .tls
                    .as_ref()
                    .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
                let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
                let socket = connect(target, authority).await?;
                let stream = tls.connect(host, tls.http2(), socket).await?;
                if is_http2(&stream) {
                    over_http2(stream, format!("https://{authority}{path}")).await
                } else {
                    over_http1(stream, authority, path).await
                }
            }
        }
    }
}

async fn connect(target: &EndpointTarget, authority: &str) -> io::Result<TcpStream> {
    match target.address {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(authority).await,
    }
}

async fn over_http1(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    path: &str,
) -> Result<Response<Incoming>, FailedCheck> {
    let request = Request::get(path)
        .header(HOST, authority)
        .header(CONNECTION, HeaderValue::from_static("close"))
        .header(USER_AGENT, NAME)
        .body(Empty::<Bytes>::new())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let _running = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(sender.send_request(request).await?)
}

async fn over_http2(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: String,
) -> Result<Response<Incoming>, FailedCheck> {
    let request = Request::get(uri).header(USER_AGENT, NAME).body(Empty::<Bytes>::new())?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = handshake.await?;
    let _running = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(sender.send_request(request).await?)
}
