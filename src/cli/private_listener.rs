//! One request to the private listener of a running proxy.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{CommandError, args::ConfigArgs, runtime};
use crate::{
    admin::control::settings::{EXPECTED, private_address},
    listener::settings::ListenAddress,
    settings,
};

/// Twice what a reload waits for keys.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest answer: the last denials with all their facts.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Its address: the one that was given, or `control.listen` of the configuration, whatever else is
/// wrong with that.
pub(super) fn address(
    given: Option<&str>,
    config: &ConfigArgs,
) -> Result<ListenAddress, CommandError> {
    if let Some(given) = given {
        return private_address(given).ok_or_else(|| {
            CommandError::Usage(format!("--control: found {given:?}, expected {EXPECTED}"))
        });
    }
    let found = settings::control_address(&config.sources())
        .map_err(|mistakes| CommandError::Runtime(mistakes.to_string()))?;
    found.ok_or_else(|| {
        let problem = "the configuration has no control.listen; name the address of the running \
                       proxy with --control";
        CommandError::Usage(problem.to_owned())
    })
}

/// Sends the request and returns the answer.
pub(super) fn exchange(
    address: &ListenAddress,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), CommandError> {
    let unreachable = |error: String| {
        CommandError::Runtime(format!("the private listener {address} can't be used: {error}"))
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|error| unreachable(error.to_string()))?;
    let answer = runtime()?.block_on(async { timeout(DEADLINE, over(address, request)).await });
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(unreachable(error)),
        Err(_) => Err(unreachable(format!("no answer within {DEADLINE:?}"))),
    }
}

async fn over(
    address: &ListenAddress,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    match address {
        ListenAddress::Tcp(address) => {
            let socket = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            on_socket(socket, request).await
        }
        ListenAddress::Unix(path) => on_socket(connect(path).await?, request).await,
        ListenAddress::Systemd(name) => Err(format!("the address of {name:?} is not known")),
    }
}

async fn connect(path: &Path) -> Result<UnixStream, String> {
    UnixStream::connect(path).await.map_err(|error| error.to_string())
}

async fn on_socket(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    let socket = TokioIo::new(socket);
    let (mut sender, connection) =
        http1::handshake(socket).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    connection.abort();
    Ok((head.status, body))
}
