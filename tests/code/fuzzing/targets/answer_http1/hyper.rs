//! What hyper's client makes of the same bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{BodyLength, ReadAnswer};

/// A service that answers the first request with these bytes, and closes.
struct Service {
    answer: Bytes,
    is_asked: bool,
}

/// The answer, if all of it is there. Lengths are left out.
pub(super) fn read(method: &Method, input: &Bytes) -> Option<ReadAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(exchange(method, input.clone()))
}

async fn exchange(method: &Method, answer: Bytes) -> Option<ReadAnswer> {
    let service = TokioIo::new(Service { answer, is_asked: false });
    let (mut sender, connection) = http1::handshake(service).await.ok()?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method.clone();
    let answered = async move {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?;
        let mut answer = ReadAnswer::new(head.status, head.headers, BodyLength::Nothing);
        answer.fields.remove(CONTENT_LENGTH);
        answer.trailers = body.trailers().cloned().unwrap_or_default();
        answer.body = body.to_bytes().into();
        answer.is_whole = true;
        Some(answer)
    };
    let (_, answer) = tokio::join!(connection, answered);
    answer
}

impl AsyncRead for Service {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_asked {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.answer.len().min(buf.remaining());
        buf.put_slice(&self.answer.split_to(piece));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Service {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
