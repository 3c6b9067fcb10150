//! New connections to an upstream.

use std::{io, rc::Rc, time::Duration};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::Notify,
};

use crate::upstream::settings::UpstreamAddress;

use super::{
    LocalExec, UpstreamError,
    http1::{ANSWER_LIMITS, Http1Connection, UpstreamSocket},
    lookup::NameLookup,
    multiplexed::{Arrivals, MultiplexedConnection},
};

/// Answers' flow-control windows. One stream fills a local link, whose round trip is some 50 µs; and
/// 128 answers whose clients do not read leave room for the others of their connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// How many bytes of a request may wait in a stream's buffer for an upstream that does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// While streams are open, a silent HTTP/2 upstream gets a `PING`, and is closed without a
/// response: every request would wait on the one dead connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A new HTTP/1.1 connection.
pub(super) async fn http1(
    address: &UpstreamAddress,
    lookup: &Rc<NameLookup>,
) -> Result<Http1Connection<UpstreamSocket>, UpstreamError> {
    let socket = match address {
        UpstreamAddress::Unix(path) => UnixStream::connect(path).await.map(UpstreamSocket::Unix),
        UpstreamAddress::Http(authority) | UpstreamAddress::H2c(authority) => {
            tcp(authority, lookup).await.map(UpstreamSocket::Tcp)
        }
    };
    socket.map(Http1Connection::new).map_err(UpstreamError::Refused)
}

/// A new HTTP/2 connection with prior knowledge. `freed` is notified whenever one of its streams
/// ends.
pub(super) async fn http2(
    authority: &str,
    lookup: &Rc<NameLookup>,
    freed: &Rc<Notify>,
) -> io::Result<MultiplexedConnection> {
    let socket = tcp(authority, lookup).await?;
    let arrivals = Rc::<Notify>::default();
    let socket = Arrivals::new(socket, &arrivals);
    let handshake = http2::Builder::new(LocalExec)
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(ANSWER_LIMITS.bytes).unwrap_or(u32::MAX))
        // None before the peer's settings allow it: it might refuse them.
        .initial_max_send_streams(0)
        .handshake(TokioIo::new(socket));
    let (sender, driver) = handshake.await.map_err(io::Error::other)?;
    let connection = MultiplexedConnection::run(sender, driver, &arrivals, Rc::clone(freed)).await;
    connection.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
}

async fn tcp(authority: &str, lookup: &Rc<NameLookup>) -> io::Result<TcpStream> {
    let addresses = lookup.addresses(authority).await?;
    let socket = TcpStream::connect(addresses.as_slice()).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
