//! Sending to an upstream that speaks HTTP/2.

use std::{error::Error, io, rc::Rc};

use http::{Request, Response, request::Parts};
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::time::Instant;

use crate::{decision::record::SendAttempts, wire::framing};

use super::{
    OpenStream, RequestBody, UploadProgress, UpstreamAnswer, UpstreamError, UpstreamPool,
    answer_body::{AnswerBody, AnswerSource, StreamBody},
    endpoint::UpstreamEndpoint,
    endpoints::TriedEndpoints,
    lease::EndpointLease,
    repeat, request_form,
};

/// How many connections may close before they have taken any request at all.
const MAX_CLOSED_EARLY: usize = 2;

/// How an exchange on a stream ended without an answer.
enum Unanswered {
    /// Nothing of it was sent.
    Unsent(Box<Request<RequestBody>>),
    Failed(UpstreamError),
}

impl UpstreamPool {
    /// Sends on a stream of a connection that has room for it, or over HTTP/1.1 if the upstream
    /// chooses that for a further connection.
    pub(super) async fn send_multiplexed(
        &self,
        mut endpoint: EndpointLease,
        (head, body): (&mut Parts, RequestBody),
        progress: Option<&Rc<UploadProgress>>,
        may_repeat: bool,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let attempts = &attempts.with_proxy_headers_in(&mut head.headers);
        let head = std::mem::replace(head, Request::new(()).into_parts().0);
        let mut request = Box::new(Request::from_parts(head, body));
        request_form::into_http2(&mut request)?;
        let head = may_repeat.then(|| repeat::copied_head(&request));
        let (mut closed_early, mut tried) = (0, TriedEndpoints::default());
        loop {
            let error = match stream(&endpoint, None).await {
                Ok(stream) => {
                    attempts.begin();
                    let was_proven = stream.is_of_proven_connection();
                    match exchange_on(stream, request, progress).await {
                        Ok(answer) => {
                            self.endpoints.count_tried(&tried);
                            return Ok(self.answered_stream(endpoint, answer));
                        }
                        Err(Unanswered::Unsent(unsent)) => {
                            request = unsent;
                            closed_early += usize::from(!was_proven);
                            if closed_early < MAX_CLOSED_EARLY {
                                continue;
                            }
                            UpstreamError::ClosedEarly
                        }
                        Err(Unanswered::Failed(error)) => {
                            let head =
                                head.filter(|head| self.may_send_again(head, &error, was_proven));
                            let repeating =
                                self.repeat_multiplexed(endpoint, head, error, progress, attempts);
                            return repeating.await;
                        }
                    }
                }
                Err(UpstreamError::ChoseHttp1) => {
                    request_form::into_http1(&mut request)?;
                    let (mut head, body) = request.into_parts();
                    let request = (&mut head, body);
                    return self
                        .send_http1(endpoint, request, progress, may_repeat, attempts)
                        .await;
                }
                Err(error) => error,
            };
            match self.endpoints.another_after(&error, endpoint, &mut tried) {
                Some(another) => {
                    attempts.next(&another.name, error.reason());
                    (endpoint, closed_early) = (another, 0);
                }
                None => return Err(error),
            }
        }
    }

    /// Whether a request may be sent a second time that failed so. One that was not processed may
    /// be, whatever it is.
    fn may_send_again(&self, head: &Request<()>, error: &UpstreamError, was_proven: bool) -> bool {
        match error {
            UpstreamError::Unprocessed(_) => true,
            UpstreamError::BrokenStream(error) => {
                // A new connection that breaks is a fault of the endpoint.
                let may_be = was_proven || self.endpoints.are_several();
                may_be && is_broken(error) && self.settings.retry.allows(head.method())
            }
            _ => false,
        }
    }

    /// Sends a request again, over a connection that was opened after the first failed.
    async fn repeat_multiplexed(
        &self,
        endpoint: EndpointLease,
        head: Option<Request<()>>,
        failed: UpstreamError,
        progress: Option<&Rc<UploadProgress>>,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let Some(head) = head else {
            return Err(failed);
        };
        let failed_at = Instant::now();
        // hyper lets the body go in another task.
        tokio::task::yield_now().await;
        let Some(body) = repeat::same_body(progress) else {
            return Err(failed);
        };
        let Some(mut endpoint) = self.endpoints.for_repetition(endpoint) else {
            return Err(failed);
        };
        attempts.next(&endpoint.name, failed.reason());
        let mut request = Box::new(head.map(|()| body));
        let mut tried = TriedEndpoints::default();
        let stream = loop {
            let error = match stream(&endpoint, Some(failed_at)).await {
                Ok(stream) => break stream,
                Err(UpstreamError::ChoseHttp1) => {
                    request_form::into_http1(&mut request)?;
                    self.count_repeated(&failed);
                    let (mut head, body) = request.into_parts();
                    let (request, again) = ((&mut head, body), attempts.again());
                    let answer = self.send_http1(endpoint, request, progress, false, &again).await;
                    self.endpoints.count_retry(&answer);
                    return answer.map_err(|error| error.after(failed));
                }
                Err(error) => error,
            };
            match self.endpoints.another_after(&error, endpoint, &mut tried) {
                Some(another) => {
                    attempts.next(&another.name, error.reason());
                    endpoint = another;
                }
                None => return Err(failed),
            }
        };
        self.count_repeated(&failed);
        let answer = match exchange_on(stream, request, progress).await {
            Ok(answer) => Ok(self.answered_stream(endpoint, answer)),
            Err(Unanswered::Unsent(_)) => Err(failed),
            Err(Unanswered::Failed(error)) => Err(error.after(failed)),
        };
        self.endpoints.count_retry(&answer);
        answer
    }

    fn answered_stream(
        &self,
        endpoint: EndpointLease,
        answer: Response<StreamBody>,
    ) -> UpstreamAnswer {
        self.endpoints.answered(&endpoint, answer.status());
        let answer = answer.map(|body| AnswerBody::new(AnswerSource::Stream(body), endpoint));
        UpstreamAnswer { response: Box::new(answer) }
    }
}

/// A stream of a connection to that endpoint.
async fn stream(
    endpoint: &UpstreamEndpoint,
    newer_than: Option<Instant>,
) -> Result<Rc<OpenStream>, UpstreamError> {
    match &endpoint.multiplexed {
        Some(connections) => connections.stream(newer_than).await,
        None => Err(UpstreamError::ClosedEarly),
    }
}

async fn exchange_on(
    stream: Rc<OpenStream>,
    request: Box<Request<RequestBody>>,
    progress: Option<&Rc<UploadProgress>>,
) -> Result<Response<StreamBody>, Unanswered> {
    if let Some(progress) = progress {
        // The answer may come to its end before the upload.
        progress.holds(Rc::clone(&stream));
    }
    match stream.sender().try_send_request(*request).await {
        Ok(response) => {
            stream.answered();
            answer(response, stream).map_err(Unanswered::Failed)
        }
        Err(error) => Err(unanswered(error)),
    }
}

/// The answer, if it has only one end.
fn answer(
    response: Response<Incoming>,
    stream: Rc<OpenStream>,
) -> Result<Response<StreamBody>, UpstreamError> {
    let (mut parts, body) = response.into_parts();
    framing::check_answer(&mut parts)?;
    Ok(Response::from_parts(parts, StreamBody::new(body, stream)))
}

fn unanswered(mut error: TrySendError<Request<RequestBody>>) -> Unanswered {
    if let Some(unsent) = error.take_message() {
        return Unanswered::Unsent(Box::new(unsent));
    }
    let error = error.into_error();
    Unanswered::Failed(if is_unprocessed(&error) {
        UpstreamError::Unprocessed(error)
    } else {
        UpstreamError::BrokenStream(error)
    })
}

/// Whether the upstream has said that it did nothing with the request: it refused the stream, or
/// closes the connection before it, which for h2 are the streams that fail by a `GOAWAY`.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let error = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refused || error.is_go_away())
    })
}

/// Whether the connection broke, as opposed to an answer that is none.
fn is_broken(error: &hyper::Error) -> bool {
    error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some()
}
