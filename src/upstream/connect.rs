//! New HTTP/2 connections to an upstream.

use std::{io, rc::Rc, time::Duration};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;

use super::{
    LocalExec, UpstreamSocket,
    http1::ANSWER_LIMITS,
    multiplexed::{ArrivalNews, Arrivals, MultiplexedConnection},
};

/// Answers' flow-control windows. One stream fills a local link, whose round trip is some 50 µs;
/// and 128 answers whose clients do not read leave room for the others of their connection.
const STREAM_WINDOW: u32 = 64 * 1024;
pub(crate) const CONNECTION_WINDOW: u32 = 128 * STREAM_WINDOW;

/// How many bytes of a request may wait in a stream's buffer for an upstream that does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// While streams are open, a silent HTTP/2 upstream gets a `PING`, and is closed without a
/// response: every request would wait on the one dead connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A new HTTP/2 connection over that socket. `freed` is notified whenever one of its streams ends.
pub(super) async fn http2(
    socket: UpstreamSocket,
    freed: &Rc<Notify>,
) -> io::Result<MultiplexedConnection> {
    let arrivals = Rc::<ArrivalNews>::default();
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
    connection.ok_or_else(|| arrivals.cause())
}
