//! A request on its way to the upstream.

use std::{
    error::Error,
    io::{self, ErrorKind, IoSlice, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, request::Parts};
use http_body::Body;
use tokio::io::AsyncWrite;

use crate::wire::{
    http1::{Framed, write_head},
    pieces,
};

const BEHIND_CHUNK: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const BEHIND_LAST_DATA: &[u8] = b"\r\n0\r\n\r\n";

/// The bytes of a request that wait to be written, and the body that is still to come. What was
/// written of it is kept as long as it may be sent again: the head holds credentials, so that
/// there is no `Debug`.
pub(super) struct OutgoingRequest<B> {
    method: Method,
    /// The headers' map, for those of the answer.
    headers: HeaderMap,
    /// The head, then what stands before the data of a chunk.
    out: Vec<u8>,
    /// How much of it was written.
    written: usize,
    /// Whether the socket holds nothing back of what was written, as TLS may.
    is_flushed: bool,
    data: Bytes,
    behind: &'static [u8],
    framed: Framed,
    /// `None` once it has ended.
    body: Option<B>,
    /// Whether anything of the body was taken: it can't be sent again.
    is_touched: bool,
    /// Whether the head does not wait for the first bytes of the body.
    head_goes_ahead: bool,
}

/// Why a request is not written to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenUpload {
    /// The upstream takes nothing more. It may have answered before.
    #[error("the upstream takes no more of the request")]
    Closed,
    #[error("cannot write: {0}")]
    Io(#[source] io::Error),
    #[error("the request's body broke off: {0}")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    #[error("the request's body is not as long as announced")]
    Length,
}

impl<B> OutgoingRequest<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    /// The request of that head and body. The method and the headers' map are taken out of `head`.
    /// `further_fields` writes those that are not among the headers.
    pub(super) fn new(
        head: &mut Parts,
        body: B,
        further_fields: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        let mut out = Vec::new();
        let hint = body.as_ref().map(Body::size_hint);
        let line = (&head.method, &head.uri);
        let framed = write_head(&mut out, line, &head.headers, further_fields, hint);
        Self {
            method: std::mem::take(&mut head.method),
            headers: std::mem::take(&mut head.headers),
            out,
            written: 0,
            is_flushed: false,
            data: Bytes::new(),
            behind: &[],
            framed,
            body,
            is_touched: false,
            head_goes_ahead: false,
        }
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// A map that is not needed any more.
    pub(super) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    /// Whether the upstream has all of it. It has when the length is reached, though an HTTP/2
    /// client may end its stream later.
    pub(super) fn is_written(&self) -> bool {
        self.is_flushed
            && self.nothing_waits()
            && (self.body.is_none() || self.framed == Framed::Exact(0))
    }

    /// Makes it as new, if nothing of the body was taken.
    pub(super) fn rewind(&mut self) -> bool {
        self.written = 0;
        !self.is_touched
    }

    /// Lets the body go, wherever it is.
    pub(super) fn let_body_go(&mut self) {
        self.body = None;
    }

    /// Makes it as new with the same body, which was taken in part or as a whole and is here again.
    /// Only one of known length: of others the head was not kept.
    pub(super) fn begin_again(&mut self, body: B) -> bool {
        let (Some(length), Framed::Exact(_)) = (body.size_hint().exact(), self.framed) else {
            return false;
        };
        self.written = 0;
        self.data = Bytes::new();
        self.framed = Framed::Exact(length);
        self.body = Some(body);
        self.is_touched = false;
        self.head_goes_ahead = false;
        true
    }

    /// What is still to be written, taken out.
    pub(super) fn take_rest(&mut self) -> Self {
        Self {
            method: Method::default(),
            headers: HeaderMap::default(),
            out: std::mem::take(&mut self.out),
            written: self.written,
            is_flushed: self.is_flushed,
            data: std::mem::take(&mut self.data),
            behind: self.behind,
            framed: self.framed,
            body: self.body.take(),
            is_touched: true,
            head_goes_ahead: true,
        }
    }

    /// Writes as much as there is and as the upstream takes. Ready once all of it was written.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), BrokenUpload>> {
        loop {
            self.fill(cx)?;
            if self.nothing_waits() {
                break;
            }
            let written = ready!(self.write(cx, socket)).map_err(BrokenUpload::from)?;
            if written == 0 {
                return Poll::Ready(Err(BrokenUpload::Closed));
            }
            self.is_flushed = false;
            self.advance(written);
        }
        let flushed = ready!(Pin::new(socket).poll_flush(cx)).map_err(BrokenUpload::from);
        self.is_flushed = flushed.is_ok();
        if self.body.is_some() { Poll::Pending } else { Poll::Ready(flushed) }
    }

    fn nothing_waits(&self) -> bool {
        self.written == self.out.len() && self.data.is_empty() && self.behind.is_empty()
    }

    /// Takes the next part of the body once nothing waits. The first is written with the head, if
    /// it is there.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), BrokenUpload> {
        while let Some(body) = &mut self.body {
            let joins_head = !(self.is_touched || self.head_goes_ahead);
            let waits = self.written < self.out.len() && !joins_head;
            if waits || !(self.data.is_empty() && self.behind.is_empty()) {
                return Ok(());
            }
            let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                self.head_goes_ahead = true;
                return Ok(());
            };
            self.is_touched = true;
            let Some(frame) = frame else {
                return self.end();
            };
            let frame = frame.map_err(|error| BrokenUpload::Body(error.into()))?;
            if let Ok(data) = frame.into_data() {
                self.add(data)?;
            }
        }
        Ok(())
    }

    /// The next part of the body, and its end if that is known.
    fn add(&mut self, data: Bytes) -> Result<(), BrokenUpload> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.framed {
            Framed::Nothing => return Err(BrokenUpload::Length),
            Framed::Exact(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(BrokenUpload::Length)?;
            }
            Framed::Chunked => {
                if self.written == self.out.len() {
                    self.out.clear();
                    self.written = 0;
                }
                write!(self.out, "{:x}\r\n", data.len()).map_err(BrokenUpload::Io)?;
                self.behind = BEHIND_CHUNK;
            }
        }
        self.data = data;
        if self.body.as_ref().is_some_and(Body::is_end_stream) {
            return self.end();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), BrokenUpload> {
        self.body = None;
        match self.framed {
            Framed::Exact(1..) => return Err(BrokenUpload::Length),
            Framed::Chunked if self.data.is_empty() => self.behind = LAST_CHUNK,
            Framed::Chunked => self.behind = BEHIND_LAST_DATA,
            Framed::Exact(0) | Framed::Nothing => {}
        }
        Ok(())
    }

    fn write(
        &self,
        cx: &mut Context<'_>,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<usize>> {
        let out = self.out.get(self.written..).unwrap_or_default();
        let socket = Pin::new(socket);
        match (out, &*self.data, self.behind) {
            (single, [], []) | ([], single, []) => socket.poll_write(cx, single),
            (out, data, behind) => {
                let all = [IoSlice::new(out), IoSlice::new(data), IoSlice::new(behind)];
                pieces::write(socket, cx, &all)
            }
        }
    }

    /// So many bytes were written.
    fn advance(&mut self, bytes: usize) {
        let of_out = bytes.min(self.out.len() - self.written);
        self.written += of_out;
        let of_data = (bytes - of_out).min(self.data.len());
        if of_data == self.data.len() {
            // Not just advanced: a frame counts until it is dropped.
            self.data = Bytes::new();
        } else {
            self.data.advance(of_data);
        }
        let of_behind = (bytes - of_out - of_data).min(self.behind.len());
        self.behind = self.behind.get(of_behind..).unwrap_or_default();
    }
}

impl From<io::Error> for BrokenUpload {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

#[cfg(test)]
mod tests;
