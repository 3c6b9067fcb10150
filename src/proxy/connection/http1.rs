//! An HTTP/1.1 connection: in conversation, or parked between two requests.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
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
use tokio::io::AsyncReadExt;

use crate::{listener::ByteStream, proxy::settings::LimitSettings};

use super::{
    super::guarded_io::{Activity, Timer},
    Connection, GuardedIo, answer,
};

/// How a conversation ended.
enum Ended<S> {
    /// With the connection.
    Closed,
    /// It paused, or has to read a head again: the socket, with the bytes that were read and not yet parsed.
    Paused(GuardedIo<S>),
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
            () = connection.worker.drain.cancelled() => return Ok(()),
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
    let drain = &connection.worker.drain;
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
    let outcome = poll_fn(|cx: &mut Context<'_>| match Pin::new(&mut *conversation).poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if activity.long_heads.is_held() => Poll::Ready(None),
        Poll::Pending => match activity.park_at() {
            Some(at) => pause.poll(cx, at).map(|()| None),
            None => Poll::Pending,
        },
    });
    tokio::select! {
        biased;
        outcome = outcome => {
            if let Some(outcome) = outcome {
                return outcome.map(|()| Ended::Closed);
            }
            let parts = conversation.into_parts();
            return Ok(parts.map_or(Ended::Closed, |parts| paused(parts, activity)));
        }
        () = drain.cancelled() => {}
    }
    activity.long_heads.stop_watching();
    Pin::new(&mut *conversation).graceful_shutdown();
    conversation.await.map(|()| Ended::Closed)
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
