//! Connections that begin with a PROXY header, in which a load balancer names the client (haproxy's
//! proxy-protocol.txt, versions 1 and 2).

mod header;

use std::{rc::Rc, sync::Arc};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout_at,
};

use crate::{identity::PeerAddress, listener::ByteStream};

use super::{
    bound_listener::BoundListener,
    connection::{self, Accepted},
    listener_rules::ListenerRules,
    tls,
    worker::Worker,
};
use header::MAX_HEADER_BYTES;
pub use header::{ProxiedClient, ProxyHeader, ProxyHeaderError};

/// From accept on, the PROXY header, the handshake and the first header block share one deadline
/// (threats D-1).
pub(super) async fn serve<S: ByteStream>(
    worker: Rc<Worker>,
    listener: Arc<BoundListener>,
    rules: Arc<ListenerRules>,
    mut socket: S,
    mut accepted: Accepted,
) {
    let deadline = accepted.at + worker.serving().config.limits.header_timeout;
    let read = tokio::select! {
        biased;
        read = timeout_at(deadline, read(&mut socket)) => read.unwrap_or(Err(ProxyHeaderError::Late)),
        // The client has not sent a request that could be finished.
        () = worker.gives_up(accepted.at) => return,
    };
    let (client, first_bytes) = match read {
        Ok(read) => read,
        // Such as a check that only looks whether the port is open.
        Err(ProxyHeaderError::Nothing) => return,
        Err(error) => {
            tracing::debug!(listener = listener.name(), %error, "no usable PROXY header");
            return listener.refused().proxy_header.inc();
        }
    };
    if let ProxiedClient::At(address) = client {
        accepted.peer.address = Some(PeerAddress::new(address));
        if !accepted.permit.count_address(address, rules.caps) {
            return;
        }
    }
    accepted.first_bytes = (!first_bytes.is_empty()).then(|| Box::new(first_bytes));
    // Boxed, so that a plain connection need not have room for a handshake.
    match &rules.tls {
        Some(tls) => Box::pin(tls::serve(worker, Arc::clone(tls), socket, accepted)).await,
        None => Box::pin(connection::serve(worker, socket, accepted)).await,
    }
}

/// Reads the header, and what has come with it.
async fn read(
    socket: &mut (impl AsyncRead + Unpin),
) -> Result<(ProxiedClient, Bytes), ProxyHeaderError> {
    let mut read = BytesMut::with_capacity(MAX_HEADER_BYTES);
    loop {
        match socket.read_buf(&mut read).await {
            Ok(0) | Err(_) if read.is_empty() => return Err(ProxyHeaderError::Nothing),
            Ok(0) | Err(_) => return Err(ProxyHeaderError::Closed),
            Ok(_) => {}
        }
        if let Some(ProxyHeader { client, length }) = ProxyHeader::parse(&read)? {
            return Ok((client, read.split_off(length).freeze()));
        }
    }
}

#[cfg(test)]
mod tests;
