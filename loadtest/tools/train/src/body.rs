//! A body of a known or an unknown length.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// So many equal pieces. Where the length is not announced, HTTP/1.1 sends them as chunks.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    piece: Bytes,
    left: usize,
    announced: bool,
}

impl Pieces {
    /// One piece, with its length.
    pub fn whole(content: impl Into<Bytes>) -> Self {
        let piece = content.into();
        Self { left: usize::from(!piece.is_empty()), piece, announced: true }
    }

    /// Several, without.
    pub fn unannounced(piece: impl Into<Bytes>, count: usize) -> Self {
        Self { piece: piece.into(), left: count, announced: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        match self.announced {
            true => SizeHint::with_exact((self.piece.len() * self.left) as u64),
            false => SizeHint::default(),
        }
    }
}
