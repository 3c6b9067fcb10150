//! One downstream connection: which protocol it speaks, and its life until the last byte.

mod http1;
mod opening;
mod unserved;

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    io,
    net::IpAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout_at},
};

use crate::{
    gate::Peer,
    identity::PeerAddress,
    listener::ByteStream,
    memory::UPLOAD_BYTES,
    proxy::settings::LimitSettings,
    wire::frames::{
        guard::{FrameGuard, FrameLimits},
        refused_heads::RefusedHeads,
    },
};

use super::{
    body::ResponseBody,
    forward,
    guarded_io::{Activity, Deadlines, GuardedIo},
    guards::{ConnectionPermit, OpenConnection},
    stream_guard::StreamExec,
    worker::Worker,
};

/// A connection before its first byte of HTTP.
#[derive(Debug)]
pub(super) struct Accepted {
    /// When. The header deadline of the first request counts from here.
    pub(super) at: Instant,
    pub(super) peer: Peer,
    /// The position of its listener among those of the process.
    pub(super) listener: usize,
    /// What has been read of it already. Boxed, as most connections have none for all their life.
    pub(super) first_bytes: Option<Box<Bytes>>,

    /// What both sides have agreed on (ALPN); `None`: whatever the client turns out to speak.
    pub(super) protocol: Option<Protocol>,
    pub(super) permit: ConnectionPermit,
}

/// The versions of HTTP as far as connections differ by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// One connection, as its requests see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: Peer,
    pub(super) listener: usize,
    pub(super) activity: Arc<Activity>,
    pub(super) open: Rc<OpenConnection>,
}

/// The preface of a client that speaks HTTP/2 with prior knowledge (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The buffer for the first read: usually a whole request, so that sniffing costs no second one.
const SNIFF_BUFFER: usize = 4096;

/// How many times `header_bytes` h2 reads of a head, so that the refusal of one that is longer can
/// say which field it was. h2 itself answers 431 to what is longer still.
const READ_OF_HEADS: u32 = 2;

/// How many streams a client may have reset that were never served (threats D-2, rapid reset).
const MAX_PENDING_RESETS: usize = 20;

/// How many bytes of an answer may wait in an HTTP/2 stream's buffer for a client that does not
/// read. Times the streams of a connection, this is what such a client can hold.
const HTTP2_SEND_BUFFER: usize = 64 * 1024;

/// How many bytes of request bodies an HTTP/2 client may have under way, per stream and over all
/// streams of the connection: what waits here while an upstream is slow. A stream's is what is
/// reserved for its request.
const HTTP2_STREAM_WINDOW: u32 = UPLOAD_BYTES;
const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

impl Accepted {
    /// A connection accepted now, without TLS as yet.
    pub(super) fn now(address: Option<IpAddr>, listener: usize, permit: ConnectionPermit) -> Self {
        Self {
            at: Instant::now(),
            peer: Peer {
                address: address.map(PeerAddress::new),
                scheme: "http",
                certificate: None,
            },
            listener,
            first_bytes: None,
            protocol: None,
            permit,
        }
    }
}

/// Serves a connection to its end. Ends early, but between requests, when the worker drains.
pub(super) async fn serve<S: ByteStream>(
    worker: Rc<Worker>,
    mut socket: S,
    mut accepted: Accepted,
) {
    let limits = worker.serving().config.limits.clone();
    let deadline = accepted.at + limits.header_timeout;
    let first_bytes = accepted.first_bytes.take().map(|bytes| *bytes).unwrap_or_default();
    let sniffed = tokio::select! {
        biased;
        sniffed = timeout_at(deadline, sniff(first_bytes, &mut socket)) => sniffed,
        // A client that has sent nothing has nothing to finish.
        () = worker.gives_up(accepted.at) => return,
    };
    let Ok(Ok(sniffed)) = sniffed else {
        return; // sent nothing in time, or disconnected
    };
    let deadlines = Deadlines::of(&limits);
    let Some(protocol) = accepted.protocol.or_else(|| opening::protocol(&sniffed)) else {
        return unserved::note(
            &worker,
            &accepted.peer,
            accepted.listener,
            unserved::foreign(),
            None,
        );
    };
    let is_http2 = protocol == Protocol::Http2;
    let activity = Arc::new(if is_http2 {
        Activity::http2(accepted.at, deadlines)
    } else {
        Activity::accepted(accepted.at, deadlines)
    });
    let is_tls = accepted.peer.scheme == "https";
    let open = OpenConnection::new(accepted.permit, Arc::clone(&activity), is_tls);
    let io = GuardedIo::new(socket, sniffed, Arc::clone(&activity)).shed_by(open.memory());
    let Accepted { peer, listener, .. } = accepted;
    let connection = Rc::new(Connection { worker, peer, listener, activity, open });
    let outcome = if is_http2 {
        // Boxed, so that an HTTP/1.1 connection need not have room for it.
        Box::pin(serve_http2(Rc::clone(&connection), io, accepted.at, &limits)).await
    } else {
        http1::serve(Rc::clone(&connection), io, &limits).await
    };
    if let Err(error) = outcome {
        connection.note_end(&error, &limits);
    }
}

/// Reads on until it is clear whether the bytes are an HTTP/2 preface.
async fn sniff(first: Bytes, socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    if is_clear(&first) {
        return Ok(first);
    }
    let mut read = BytesMut::with_capacity(SNIFF_BUFFER);
    read.extend_from_slice(&first);
    loop {
        if socket.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if is_clear(&read) {
            return Ok(read.freeze());
        }
    }
}

/// Whether the bytes are an HTTP/2 preface, or none.
fn is_clear(read: &[u8]) -> bool {
    let could_be_http2 = HTTP2_PREFACE.starts_with(read);
    !could_be_http2 || read.len() >= HTTP2_PREFACE.len()
}

async fn serve_http2<S: ByteStream>(
    connection: Rc<Connection>,
    io: GuardedIo<S>,
    accepted: Instant,
    limits: &LimitSettings,
) -> hyper::Result<()> {
    let client = connection.peer.address.as_ref().map(PeerAddress::address);
    let floods = connection.open.floods(client);
    let header_list = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    let frame_limits = FrameLimits {
        header_timeout: limits.header_timeout,
        streams: limits.http2_streams,
        header_list,
    };
    let refused_heads = Rc::<RefusedHeads>::default();
    let io = FrameGuard::new(io, accepted, frame_limits, floods, Rc::clone(&refused_heads));
    let activity = Arc::clone(&connection.activity);
    let memory = Arc::clone(connection.open.memory());
    let streams = StreamExec::new(limits.body_timeout, limits.header_timeout, memory);
    let served = Rc::clone(&connection);
    let service = {
        let served = Rc::clone(&served);
        service_fn(move |request| answer(Rc::clone(&served), request))
    };
    let mut conversation = pin!(
        http2::Builder::new(streams)
            .timer(TokioTimer::new())
            .max_header_list_size(header_list.saturating_mul(READ_OF_HEADS))
            .max_concurrent_streams(limits.http2_streams)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_send_buf_size(HTTP2_SEND_BUFFER)
            .initial_stream_window_size(HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
            .serve_connection(TokioIo::new(io), service)
    );
    let note = || connection.note_refused_heads(&refused_heads, limits);
    let uncounted = |outcome| if refused_heads.last_was_too_long.get() { Ok(()) } else { outcome };
    tokio::select! {
        biased;
        outcome = poll_fn(|cx| {
            let outcome = followed_by(conversation.as_mut().poll(cx), note);
            let leaves = outcome.is_pending() && served.leaves();
            if leaves { Poll::Ready(None) } else { outcome.map(Some) }
        }) => {
            if let Some(outcome) = outcome {
                return uncounted(outcome);
            }
        }
        () = served.asked_to_leave() => {}
        () = served.worker.stop.drain.cancelled() => {}
        () = activity.idle_too_long() => {}
    }
    conversation.as_mut().graceful_shutdown();
    uncounted(poll_fn(|cx| followed_by(conversation.as_mut().poll(cx), note)).await)
}

impl Connection {
    /// Whether the client is to make no further requests on it. It learns so with its first request
    /// from the stop on, at the earliest: it could take a connection that ends at once for one that
    /// can't be made.
    fn leaves(&self) -> bool {
        self.worker.is_leaving() && self.open.has_been_used()
    }

    /// Resolves at the beginning of a stop, unless there was no request on it.
    async fn asked_to_leave(&self) {
        self.worker.stop.grace.cancelled().await;
        if !self.open.has_been_used() {
            pending::<()>().await;
        }
    }
}

fn followed_by<T>(outcome: T, then: impl Fn()) -> T {
    then();
    outcome
}

/// The answer to a request. Boxed, since hyper keeps room for it in every connection, idle ones
/// included.
fn answer(
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Pin<Box<impl Future<Output = Result<Response<ResponseBody>, Infallible>>>> {
    // Places come first: `Box::new` would copy the request twice, and `Box::pin` all of the future,
    // which is mostly empty now.
    let (place, future) = (Box::new_uninit(), Box::new_uninit());
    let request = Box::write(place, request);
    Box::into_pin(Box::write(future, forward::answer(connection, request)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    async fn sniff_chunks(chunks: &[&[u8]]) -> io::Result<Bytes> {
        let (mut client, mut server) = duplex(64);
        let (sniffed, ()) = tokio::join!(sniff(Bytes::new(), &mut server), async {
            for chunk in chunks {
                client.write_all(chunk).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        });
        sniffed
    }

    #[tokio::test]
    async fn the_protocol_is_recognised_however_the_bytes_arrive() {
        let whole = sniff_chunks(&[HTTP2_PREFACE]).await.unwrap();
        assert!(whole.starts_with(HTTP2_PREFACE));
        let (first, second) = HTTP2_PREFACE.split_at(5);
        let split = sniff_chunks(&[first, second]).await.unwrap();
        assert!(split.starts_with(HTTP2_PREFACE));
        assert_eq!(sniff_chunks(&[b"P", b"OST / "]).await.unwrap(), "POST / ");
        assert_eq!(sniff_chunks(&[b"GET"]).await.unwrap(), "GET");
    }

    #[tokio::test]
    async fn a_connection_without_a_word_is_an_end() {
        assert_eq!(sniff_chunks(&[]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(sniff_chunks(&[b"PRI"]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
