//! Health checks: a request of our own to each endpoint, over its own protocol and over a connection
//! of its own, so that it is known whether new ones can be opened. Once per process.

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
    #[error("the status is {0}")]
    Status(http::StatusCode),
}

/// Checks all endpoints, each once in an interval.
pub(super) async fn keep_checked(shared: Arc<SharedEndpoints>, settings: HealthSettings) {
    let settings = Arc::new(settings);
    loop {
        // Those of one round run at the same time, and end with it: each has its timeout, which is
        // not longer than the interval.
        let mut round = JoinSet::new();
        for (id, target) in shared.targets() {
            let (shared, settings) = (Arc::clone(&shared), Arc::clone(&settings));
            round.spawn(async move {
                let outcome = check(&target, &settings).await;
                if let Err(error) = &outcome {
                    let upstream = shared.upstream.as_str();
                    tracing::debug!(upstream, endpoint = %target, %error, "health check failed");
                }
                shared.checked(id, outcome.is_ok());
            });
        }
        let pause = sleep(settings.interval.mul_f64(1.0 - JITTER * random_fraction()));
        tokio::join!(pause, round.join_all());
    }
}

async fn check(target: &EndpointTarget, settings: &HealthSettings) -> Result<(), FailedCheck> {
    let answer = timeout(settings.timeout, exchange(target, settings)).await;
    let answer = answer.map_err(|_| FailedCheck::Timeout(settings.timeout))??;
    if settings.expect.contains(&answer.status()) {
        Ok(())
    } else {
        Err(FailedCheck::Status(answer.status()))
    }
}

async fn exchange(
    target: &EndpointTarget,
    settings: &HealthSettings,
) -> Result<Response<Incoming>, FailedCheck> {
    match &target.url {
        UpstreamAddress::Unix(path) => {
            over_http1(UnixStream::connect(path).await?, "localhost", settings).await
        }
        UpstreamAddress::Http(authority) => {
            over_http1(connect(target, authority).await?, authority, settings).await
        }
        UpstreamAddress::H2c(authority) => {
            over_http2(connect(target, authority).await?, authority, settings).await
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
    settings: &HealthSettings,
) -> Result<Response<Incoming>, FailedCheck> {
    let request = Request::get(settings.path.as_str())
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
    authority: &str,
    settings: &HealthSettings,
) -> Result<Response<Incoming>, FailedCheck> {
    let request = Request::get(format!("http://{authority}{}", settings.path))
        .header(USER_AGENT, NAME)
        .body(Empty::<Bytes>::new())?;
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(socket));
    let (mut sender, connection) = handshake.await?;
    let _running = AbortOnDropHandle::new(tokio::spawn(connection));
    Ok(sender.send_request(request).await?)
}
