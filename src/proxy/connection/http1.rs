//! An HTTP/1.1 connection: in conversation, or parked between two requests.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, Parts},
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, task::yield_now};

use crate::{
    listener::ByteStream,
    proxy::settings::LimitSettings,
    wire::{timer::Timer, woken_task::WokenTask},
};

use super::{super::guarded_io::Activity, Connection, GuardedIo, answer};

/// How a conversation ended.
enum Ended<S> {
    /// With the connection.
    Closed,
    /// It paused, or has to read a head again: the socket, with the bytes that were read and not
    /// yet parsed.
    Paused(GuardedIo<S>),
}

/// Why a conversation ends or is interrupted.
enum StopCause {
    /// The connection's end.
    Closed(hyper::Result<()>),
    /// A pause that is long enough to park the connection, or a head that has to be read again.
    Paused,
    /// The worker's: no further request is taken.
    Draining,
}

/// Room for the first bytes after a pause; hyper reads the others. In every parked connection.
const WAKING_BYTES: usize = 64;

/// Serves a connection until it ends.
///
/// One that is idle for [`PARK_AFTER`](super::super::guarded_io::PARK_AFTER) is *parked*: hyper's
/// state and its two buffers of 8 KiB are dropped, only the socket and its deadlines stay. The
/// first byte of the next request brings them back.
pub(super) async fn serve<S: ByteStream>(
    connection: Rc<Connection>,
    mut io: GuardedIo<S>,
    limits: &LimitSettings,
) -> hyper::Result<()> {
    loop {
        io = match converse(&connection, io, limits).await? {
            Ended::Closed => return Ok(()),
            Ended::Paused(io) => io,
        };
        let _parked = connection.open.park();
        let waking = tokio::select! {
            biased;
            waking = wait_for_bytes(&mut io) => waking,
            () = drained(&connection) => return Ok(()),
        };
        if waking.is_err() {
            return Ok(()); // the client went away, or stayed silent for too long
        }
    }
}

/// Serves requests until the connection ends or may be parked.
async fn converse<S: ByteStream>(
    connection: &Rc<Connection>,
    io: GuardedIo<S>,
    limits: &LimitSettings,
) -> hyper::Result<Ended<S>> {
    let activity = &connection.activity;
    let drain = &connection.worker.stop.drain;
    let service = {
        let connection = Rc::clone(connection);
        service_fn(move |request: Request<Incoming>| answer(Rc::clone(&connection), request))
    };
    let mut conversation = Box::new(
        Builder::new()
            // The socket has the deadlines.
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes)
            .max_headers(activity.long_heads.lines(limits.header_lines))
            // Of a header block that is not complete yet, too; and of an answer that is not read.
            .max_buf_size(limits.header_bytes)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades(),
    );
    let mut pause = Timer::default();
    let mut drained = pin!(drain.cancelled());
    let mut drain_wakes = WokenTask::default();
    let stop = poll_fn(|cx: &mut Context<'_>| {
        if let Poll::Ready(outcome) = Pin::new(&mut *conversation).poll(cx) {
            return Poll::Ready(StopCause::Closed(outcome));
        }
        if activity.long_heads.is_held() {
            return Poll::Ready(StopCause::Paused);
        }
        if let Some(at) = activity.park_at()
            && pause.poll(cx, at).is_ready()
        {
            return Poll::Ready(StopCause::Paused);
        }
        // Polling it takes five times as long as these looks at it.
        if drain_wakes.is(cx) && !drain.is_cancelled() {
            return Poll::Pending;
        }
        drain_wakes.set(cx);
        drained.as_mut().poll(cx).map(|()| StopCause::Draining)
    });
    match stop.await {
        StopCause::Closed(outcome) => outcome.map(|()| Ended::Closed),
        StopCause::Paused => {
            let parts = conversation.into_parts();
            Ok(parts.map_or(Ended::Closed, |parts| paused(parts, activity)))
        }
        StopCause::Draining => {
            // From here on every answer says that the connection ends with it.
            connection.worker.leave();
            activity.long_heads.stop_watching();
            yield_now().await;
            let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut *conversation).poll(cx))).await;
            if let Poll::Ready(outcome) = begun {
                return outcome.map(|()| Ended::Closed);
            }
            // hyper would end a connection with a part of a head as an idle one.
            if !activity.has_begun_head() {
                Pin::new(&mut *conversation).graceful_shutdown();
            }
            conversation.await.map(|()| Ended::Closed)
        }
    }
}

/// Resolves when idle connections are closed. What is in the socket by then is read first: a yield
/// lets the runtime see it.
async fn drained(connection: &Connection) {
    connection.worker.stop.drain.cancelled().await;
    yield_now().await;
}

fn paused<S, H: HttpService<Incoming>>(
    parts: Parts<TokioIo<GuardedIo<S>>, H>,
    activity: &Activity,
) -> Ended<S> {
    let mut io = parts.io.into_inner();
    if !parts.read_buf.is_empty() {
        // The beginning of a request. It is not read from the socket again, and without this the
        // connection would count as idle, and be parked again and again.
        activity.bytes_arrived();
    }
    io.unread(parts.read_buf);
    Ended::Paused(io)
}

/// Resolves when a parked connection becomes readable; its socket's deadlines stay in force.
async fn wait_for_bytes<S: ByteStream>(io: &mut GuardedIo<S>) -> io::Result<()> {
    if io.has_unread() {
        return Ok(());
    }
    let mut bytes = [0; WAKING_BYTES];
    let read = io.read(&mut bytes).await?;
    match bytes.get(..read) {
        Some(bytes @ [_, ..]) => {
            io.unread(Bytes::copy_from_slice(bytes));
            Ok(())
        }
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
