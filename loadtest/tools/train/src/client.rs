//! A client's connections, over HTTP/1.1 and HTTP/2.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use hyper::{
    Request, StatusCode,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, spawn};

use crate::{Outcome, body::Pieces};

/// How a kind of request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// One connection; over HTTP/2, a handle that opens streams of it.
pub enum Connection {
    Http1(http1::SendRequest<Pieces>),
    Http2(http2::SendRequest<Pieces>),
}

impl Connection {
    pub async fn open(address: SocketAddr, protocol: Protocol) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        match protocol {
            Protocol::Http1 => {
                let mut builder = http1::Builder::new();
                let (sender, connection) =
                    builder.title_case_headers(true).handshake(stream).await?;
                spawn(connection);
                Ok(Self::Http1(sender))
            }
            Protocol::Http2 => {
                let builder = http2::Builder::new(TokioExecutor::new());
                let (sender, connection) = builder.handshake(stream).await?;
                spawn(connection);
                Ok(Self::Http2(sender))
            }
        }
    }

    /// Sends a request and reads its whole answer.
    pub async fn send(&mut self, request: Request<Pieces>) -> Outcome<StatusCode> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        read(response.into_body()).await?;
        Ok(status)
    }

    /// A handle of the same connection, where it carries several requests at once.
    pub fn share(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Whether the other side still takes requests: it closes after some refusals.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }
}

async fn read(mut body: Incoming) -> Outcome<()> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}
