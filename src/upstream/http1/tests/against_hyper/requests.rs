//! The requests of the corpus, as what is to be sent.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body::{Body, Frame, SizeHint};

/// A request, as often as it is needed.
#[derive(Debug, Clone)]
pub(super) struct CorpusRequest {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: CorpusBody,
}

/// A body in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct CorpusBody {
    pieces: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// Whether its length is known ahead.
    is_sized: bool,
    /// Whether the next piece is yet to come.
    is_late: bool,
}

impl CorpusRequest {
    /// Without a body.
    pub(super) fn of(method: Method) -> Self {
        let fields = vec![("host".to_owned(), b"service.test".to_vec())];
        Self { method, target: "/".to_owned(), fields, body: CorpusBody::default().sized() }
    }

    pub(super) fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.fields.push((name.to_owned(), value.to_vec()));
        self
    }

    /// Its head; what is sent behind that is [`Self::body`].
    pub(super) fn head(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.parse().unwrap();
        for (name, value) in &self.fields {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        request
    }
}

impl CorpusBody {
    pub(super) fn of(pieces: &[&[u8]]) -> Self {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
        Self { pieces, ..Self::default() }
    }

    pub(super) fn sized(self) -> Self {
        Self { is_sized: true, ..self }
    }

    pub(super) fn with_trailer(self, name: &'static str, value: &'static str) -> Self {
        let trailer = (HeaderName::from_static(name), HeaderValue::from_static(value));
        Self { trailers: Some([trailer].into_iter().collect()), ..self }
    }

    fn left(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Body for CorpusBody {
    type Data = Bytes;
    type Error = Infallible;

    /// Between two pieces the reader waits once.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.is_late = !self.is_late;
        if self.is_late && !self.is_end_stream() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let data = self.pieces.pop_front().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_sized { SizeHint::with_exact(self.left() as u64) } else { SizeHint::default() }
    }
}
