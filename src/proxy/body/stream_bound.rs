//! Answers that have no end of their own: a stop has to end them.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Ends a stream of events or of gRPC when the proxy stops.
#[derive(Debug)]
pub(in crate::proxy) struct StreamBound {
    form: StreamForm,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamForm {
    /// `text/event-stream`. Its end may be anywhere: a client drops an event that is not complete,
    /// and connects again (HTML, 9.2.6).
    Events,
    /// A gRPC response, which has to say how it ended.
    Grpc,
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The code 14: the call may be made again, elsewhere.
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");
const STOPPING: HeaderValue = HeaderValue::from_static("the proxy is stopping");

impl StreamBound {
    /// That of an answer with this head; `None`: it ends by itself.
    pub(in crate::proxy) fn of(headers: &HeaderMap, stop: &CancellationToken) -> Option<Self> {
        let form = StreamForm::of(headers.get(CONTENT_TYPE)?)?;
        Some(Self { form, stop: Box::pin(stop.clone().cancelled_owned()) })
    }

    /// Resolves when the stream has to end: with trailers, or without.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<HeaderMap>> {
        self.stop.as_mut().poll(cx).map(|()| self.form.trailers())
    }
}

impl StreamForm {
    fn of(content_type: &HeaderValue) -> Option<Self> {
        let begins = |with: &[u8]| {
            let begin = content_type.as_bytes().get(..with.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(with))
        };
        if begins(b"text/event-stream") {
            Some(Self::Events)
        } else if begins(b"application/grpc") && !begins(b"application/grpc-web") {
            Some(Self::Grpc)
        } else {
            None
        }
    }

    fn trailers(self) -> Option<HeaderMap> {
        let trailers = [(GRPC_STATUS, UNAVAILABLE), (GRPC_MESSAGE, STOPPING)];
        (self == Self::Grpc).then(|| HeaderMap::from_iter(trailers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_known_by_their_type() {
        for (text, form) in [
            ("text/event-stream", Some(StreamForm::Events)),
            ("Text/Event-Stream; charset=utf-8", Some(StreamForm::Events)),
            ("application/grpc", Some(StreamForm::Grpc)),
            ("application/grpc+proto", Some(StreamForm::Grpc)),
            ("application/grpc-web", None),
            ("text/html", None),
            ("", None),
        ] {
            assert_eq!(StreamForm::of(&HeaderValue::from_static(text)), form, "{text}");
        }
    }
}
