//! One request on a connection, up to the head of its answer: written and read at the same time, by
//! the request's own task.

use std::{
    error::Error,
    io,
    rc::Weak,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    upstream::UpstreamError,
    wire::http1::{AnswerHead, BodyDecoder, BodyLength, HeadLimits, HeadReader},
};

use super::{
    BrokenUpload, FIRST_READ, Http1Body, Http1Connection, IdleConnections, OutgoingRequest,
    answer::Remainder, idle::is_silent, scratch,
};

/// What is taken of an answer's head, and of its trailers. Generous: it is the operator's own
/// service. The bytes usually decide.
pub(in crate::upstream) const ANSWER_LIMITS: HeadLimits =
    HeadLimits { bytes: 256 * 1024, lines: 1_000 };

/// An exchange that is under way.
pub(super) struct Http1Exchange<'r, S, B> {
    connection: Option<Http1Connection<S>>,
    request: &'r mut OutgoingRequest<B>,
    reader: HeadReader,
    stage: ExchangeStage,
    has_read: bool,
}

/// How far the request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExchangeStage {
    /// Nothing of it was written.
    New,
    Writing,
    /// All was written that will be.
    Over,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenExchange {
    #[error("the connection was closed before the answer")]
    Closed,
    #[error("cannot read: {0}")]
    Io(#[source] io::Error),
    #[error(transparent)]
    Upload(#[from] BrokenUpload),
    #[error(transparent)]
    Malformed(#[from] crate::wire::http1::MalformedHead),
}

/// How an exchange ended without an answer.
#[derive(Debug)]
pub(super) enum ExchangeFailure {
    /// The connection was over before anything was written.
    Unsent,
    Failed {
        error: UpstreamError,
        /// Not a byte of an answer came.
        is_unanswered: bool,
    },
}

impl<'r, S, B> Http1Exchange<'r, S, B>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static,
{
    pub(super) fn new(connection: Http1Connection<S>, request: &'r mut OutgoingRequest<B>) -> Self {
        let reader = HeadReader::new(ANSWER_LIMITS, request.take_headers());
        let connection = Some(connection);
        Self { connection, request, reader, stage: ExchangeStage::New, has_read: false }
    }

    /// Ready with the answer, whose body gives the connection to `home` at its end.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        home: &Weak<IdleConnections<S>>,
    ) -> Poll<Result<Response<Http1Body<S>>, ExchangeFailure>> {
        let answer = match self.poll_head(cx) {
            Poll::Ready(Ok((head, rest))) => self.answer(head, rest, home),
            Poll::Ready(Err(error)) => Err(error.into()),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(answer.map_err(|error| match self.stage {
            ExchangeStage::New => ExchangeFailure::Unsent,
            ExchangeStage::Writing | ExchangeStage::Over => {
                ExchangeFailure::Failed { error, is_unanswered: !self.has_read }
            }
        }))
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(AnswerHead, Bytes), BrokenExchange>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(BrokenExchange::Closed));
        };
        // A connection that was closed, or on which something came that was not asked for, is found
        // out before the request is written.
        if self.stage == ExchangeStage::New {
            if !is_silent(&mut connection.socket, cx) {
                return Poll::Ready(Err(BrokenExchange::Closed));
            }
        } else {
            while let Poll::Ready(read) = scratch::poll_read(&mut connection.socket, cx, FIRST_READ)
            {
                let piece = read.map_err(BrokenExchange::Io)?;
                if piece.is_empty() {
                    return Poll::Ready(Err(BrokenExchange::Closed));
                }
                self.has_read = true;
                if let Some(found) = self.reader.push(piece)? {
                    return Poll::Ready(Ok(found));
                }
            }
        }
        if self.stage != ExchangeStage::Over {
            self.stage = ExchangeStage::Writing;
            match self.request.poll(cx, &mut connection.socket) {
                Poll::Pending => {}
                // A peer that has closed may have answered before. It sends nothing more: reading
                // comes to its end without waiting.
                Poll::Ready(Ok(()) | Err(BrokenUpload::Closed)) => self.stage = ExchangeStage::Over,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            }
        }
        Poll::Pending
    }

    fn answer(
        &mut self,
        mut head: AnswerHead,
        rest: Bytes,
        home: &Weak<IdleConnections<S>>,
    ) -> Result<Response<Http1Body<S>>, UpstreamError> {
        let length = BodyLength::of_answer(self.request.method(), &mut head.parts)?;
        let connection = self.connection.take().ok_or(BrokenExchange::Closed)?;
        let remainder = if self.request.is_written() {
            Remainder::Nothing
        } else if self.stage == ExchangeStage::Over || is_whole(length, &rest) {
            Remainder::Abandoned
        } else {
            Remainder::Upload(Box::new(self.request.take_rest()))
        };
        let decoder = BodyDecoder::new(length, ANSWER_LIMITS);
        let keeps_alive = head.keeps_alive;
        let body = Http1Body::new(connection, remainder, decoder, rest, keeps_alive, home.clone());
        Ok(Response::from_parts(head.parts, body))
    }
}

fn is_whole(length: BodyLength, received: &Bytes) -> bool {
    match length {
        BodyLength::Nothing => true,
        BodyLength::Exact(bytes) => bytes <= received.len() as u64,
        BodyLength::Chunked | BodyLength::UntilClose => false,
    }
}

#[cfg(test)]
mod tests;
