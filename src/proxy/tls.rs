//! Serving a connection that begins with a TLS handshake.

use std::rc::Rc;

use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;

use crate::{listener::ByteStream, tls::ALPN_HTTP2};

use super::{
    connection::{self, Accepted, Protocol},
    guarded_io::{Deadlines, GuardedIo},
    worker::Worker,
};

/// From accept on, handshake and header block share one deadline (threats D-1).
pub(super) async fn serve<S: ByteStream>(
    worker: Rc<Worker>,
    acceptor: TlsAcceptor,
    socket: S,
    mut accepted: Accepted,
) {
    let deadlines = Deadlines::of(&worker.serving().config.limits);
    let socket = GuardedIo::below_tls(socket, deadlines);
    let handshake = timeout_at(accepted.at + deadlines.header, acceptor.accept(socket));
    let stream = tokio::select! {
        biased;
        stream = handshake => stream,
        // The client has not sent a request that could be finished.
        () = worker.drain.cancelled() => return,
    };
    let stream = match stream {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!("TLS handshake not finished in time");
            return;
        }
    };
    let (_, session) = stream.get_ref();
    accepted.protocol = session.alpn_protocol().map(|name| match name {
        ALPN_HTTP2 => Protocol::Http2,
        _ => Protocol::Http1,
    });
    accepted.peer.scheme = "https";
    connection::serve(worker, stream, accepted).await;
}

#[cfg(test)]
mod tests;
