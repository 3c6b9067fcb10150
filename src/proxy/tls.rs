//! Serving a connection that begins with a TLS handshake.

use std::{rc::Rc, sync::Arc};

use tokio::time::timeout_at;
use tokio_rustls::server::TlsStream;

use crate::{
    identity::ClientCertificate,
    listener::ByteStream,
    memory::SEALED_BYTES,
    tls::{ServerTls, settings::AlpnProtocol},
};

use super::{
    connection::{self, Accepted, Protocol},
    guarded_io::{Deadlines, GuardedIo},
    worker::Worker,
};

/// From accept on, handshake and header block share one deadline (threats D-1).
pub(super) async fn serve<S: ByteStream>(
    worker: Rc<Worker>,
    tls: Arc<ServerTls>,
    socket: S,
    mut accepted: Accepted,
) {
    let deadlines = Deadlines::of(&worker.serving().config.limits);
    let mut socket = GuardedIo::below_tls(socket, deadlines);
    if let Some(bytes) = accepted.first_bytes.take() {
        socket.unread(*bytes);
    }
    let handshake = timeout_at(accepted.at + deadlines.header, tls.acceptor().accept(socket));
    let stream = tokio::select! {
        biased;
        stream = handshake => stream,
        // The client has not sent a request that could be finished.
        () = worker.gives_up(accepted.at) => return,
    };
    let mut stream = match stream {
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
    bound_buffer(&mut stream);
    let (_, session) = stream.get_ref();
    accepted.protocol = tls.protocol(session.alpn_protocol()).map(|protocol| match protocol {
        AlpnProtocol::Http2 => Protocol::Http2,
        AlpnProtocol::Http1 => Protocol::Http1,
    });
    accepted.peer.scheme = "https";
    if let Some(certificate) = session.peer_certificates().and_then(<[_]>::first) {
        match ClientCertificate::parse(certificate) {
            Ok(certificate) => accepted.peer.certificate = Some(Arc::new(certificate)),
            Err(error) => {
                tracing::debug!(%error, "a client certificate can't be described");
                return;
            }
        }
    }
    connection::serve(worker, stream, accepted).await;
}

/// What a client does not read waits where it is counted.
fn bound_buffer<S>(stream: &mut TlsStream<S>) {
    let (_, session) = stream.get_mut();
    session.set_buffer_limit(Some(SEALED_BYTES));
}

#[cfg(test)]
mod tests;
