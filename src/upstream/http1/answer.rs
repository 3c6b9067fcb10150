//! The body of an answer over HTTP/1.1, and the connection that it comes by.

use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::Pin,
    rc::Weak,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadHalf},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use crate::wire::http1::{BodyDecoder, MalformedBody};

use super::{BrokenUpload, Http1Connection, IdleConnections, OutgoingRequest, scratch};

/// An answer's body. At its end the connection is given back, if it may serve another request;
/// dropped before, it is closed.
#[derive(Debug)]
pub(crate) struct Http1Body<S> {
    decoder: BodyDecoder,
    /// What was received and not taken yet.
    received: Bytes,
    /// `None` once the body has ended, or broke off.
    socket: Option<AnsweringSocket<S>>,
    renew_at: Instant,
    /// Whether the request was written to its end when the answer began.
    is_written: bool,
    keeps_alive: bool,
    home: Weak<IdleConnections<S>>,
    /// The rest of a request that was answered early.
    upload: Option<AbortOnDropHandle<Result<(), BrokenUpload>>>,
}

#[derive(Debug)]
enum AnsweringSocket<S> {
    Whole(S),
    /// The request is still being written.
    Reading(ReadHalf<S>),
}

/// What is left of a request when its answer begins.
pub(super) enum Remainder<B> {
    Nothing,
    /// What will not be written: the connection can't serve another request.
    Abandoned,
    Upload(Box<OutgoingRequest<B>>),
}

/// Why an answer's body breaks off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenBody {
    #[error(transparent)]
    Malformed(#[from] MalformedBody),
    #[error("cannot read: {0}")]
    Io(#[source] io::Error),
    #[error(transparent)]
    Upload(#[from] BrokenUpload),
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Http1Body<S> {
    pub(super) fn new<B>(
        connection: Http1Connection<S>,
        remainder: Remainder<B>,
        decoder: BodyDecoder,
        received: Bytes,
        keeps_alive: bool,
        home: Weak<IdleConnections<S>>,
    ) -> Self
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static,
    {
        let Http1Connection { socket, renew_at } = connection;
        let is_written = matches!(remainder, Remainder::Nothing);
        let (socket, upload) = match remainder {
            Remainder::Upload(rest) => in_two(socket, rest),
            Remainder::Nothing | Remainder::Abandoned => (AnsweringSocket::Whole(socket), None),
        };
        let socket = Some(socket);
        Self { decoder, received, socket, renew_at, is_written, keeps_alive, home, upload }
    }

    /// The connection does not serve another request, whatever the answer says.
    pub(crate) fn close_afterwards(&mut self) {
        self.keeps_alive = false;
    }

    /// Gives the connection back if the body has ended. What came behind it answers no request.
    pub(crate) fn release_at_end(&mut self) {
        if !self.decoder.has_ended() {
            return;
        }
        self.upload = None;
        if let Some(AnsweringSocket::Whole(socket)) = self.socket.take()
            && self.is_written
            && self.keeps_alive
            && self.received.is_empty()
            && let Some(home) = self.home.upgrade()
        {
            home.keep(Http1Connection { socket, renew_at: self.renew_at });
        }
    }

    /// Behind a 101: the socket, and what was read of the other protocol already. `None`: some of
    /// the request was not written, which the upstream would take for that protocol.
    pub(crate) fn into_tunnel(self) -> Option<(S, Bytes)> {
        match self.socket {
            Some(AnsweringSocket::Whole(socket)) if self.is_written => {
                Some((socket, self.received))
            }
            _ => None,
        }
    }

    /// The next frame of what was received. Pending: more has to be received, which wakes no task.
    pub(crate) fn received(&mut self) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match self.decoder.next(&mut self.received) {
            Ok(Some(frame)) => {
                self.release_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(None) if self.decoder.has_ended() => {
                self.release_at_end();
                Poll::Ready(None)
            }
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Some(Err(self.breaks(error.into())))),
        }
    }

    /// Receives up to so many bytes; how many they were.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<usize, BrokenBody>> {
        let read = match &mut self.socket {
            Some(AnsweringSocket::Whole(socket)) => scratch::poll_read(socket, cx, most),
            Some(AnsweringSocket::Reading(socket)) => scratch::poll_read(socket, cx, most),
            None => Poll::Ready(Ok(Bytes::new())),
        };
        Poll::Ready(match read {
            Poll::Pending => return self.poll_upload(cx).map(Err),
            Poll::Ready(Err(error)) => Err(self.breaks(BrokenBody::Io(error))),
            Poll::Ready(Ok(piece)) if piece.is_empty() => {
                self.keeps_alive = false;
                self.decoder.close().map(|()| 0).map_err(|error| self.breaks(error.into()))
            }
            Poll::Ready(Ok(piece)) => {
                let length = piece.len();
                self.received = piece;
                Ok(length)
            }
        })
    }

    /// Ready if the upload broke off, and with it the exchange. One that the upstream does not take
    /// to its end is its own matter.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<BrokenBody> {
        let Some(upload) = &mut self.upload else { return Poll::Pending };
        let Poll::Ready(ended) = Pin::new(upload).poll(cx) else { return Poll::Pending };
        self.upload = None;
        match ended {
            Ok(Ok(()) | Err(BrokenUpload::Closed)) | Err(_) => Poll::Pending,
            Ok(Err(error)) => Poll::Ready(self.breaks(error.into())),
        }
    }

    fn breaks(&mut self, error: BrokenBody) -> BrokenBody {
        self.socket = None;
        self.received = Bytes::new();
        self.upload = None;
        error
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.decoder.has_ended()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.decoder.size_hint()
    }
}

/// Writes the rest of the request in a task of its own: it must not stop when the client does not
/// take the answer.
fn in_two<S, B>(
    socket: S,
    mut rest: Box<OutgoingRequest<B>>,
) -> (AnsweringSocket<S>, Option<AbortOnDropHandle<Result<(), BrokenUpload>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static,
{
    let (reading, mut writing) = tokio::io::split(socket);
    let upload = async move { poll_fn(|cx| rest.poll(cx, &mut writing)).await };
    let upload = AbortOnDropHandle::new(tokio::task::spawn_local(upload));
    (AnsweringSocket::Reading(reading), Some(upload))
}
