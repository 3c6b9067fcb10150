//! Sending to an upstream that speaks HTTP/1.1, over connections of our own: written and read by
//! the task of the request. Between two requests a connection is a socket and nothing else.

mod answer;
mod exchange;
mod idle;
mod outgoing;
mod scratch;
mod socket;
#[cfg(test)]
mod tests;

use std::{future::poll_fn, rc::Rc};

use http::{Response, request::Parts};
use tokio::time::Instant;

use crate::decision::record::SendAttempts;

use super::{
    RequestBody, UploadProgress, UpstreamAnswer, UpstreamError, UpstreamPool, age,
    answer_body::{AnswerBody, AnswerSource},
    endpoint::UpstreamEndpoint,
    endpoints::TriedEndpoints,
    lease::EndpointLease,
};

use exchange::{ExchangeFailure, Http1Exchange};
use outgoing::OutgoingRequest;

pub(crate) use answer::{BrokenBody, Http1Body};
pub(super) use exchange::ANSWER_LIMITS;
pub(crate) use exchange::BrokenExchange;
pub(crate) use idle::IdleConnections;
pub(crate) use outgoing::BrokenUpload;
pub(super) use socket::Peeked;
pub(in crate::upstream) use socket::SocketKind;
pub(crate) use socket::UpstreamSocket;

/// Bytes read at once before it is known how many will come: a head, and the body behind it if it
/// is small.
pub(crate) const FIRST_READ: usize = 16 * 1024;

/// A connection that serves one request after the other.
#[derive(Debug)]
pub(super) struct Http1Connection<S> {
    socket: S,
    /// When another is to take its place.
    renew_at: Instant,
}

impl<S> Http1Connection<S> {
    /// One that was opened now.
    pub(super) fn new(socket: S) -> Self {
        Self { socket, renew_at: age::renewal(Instant::now()) }
    }
}

impl UpstreamPool {
    /// Sends over an unused connection if one is open, else over a new one.
    ///
    /// The ways that are not the common one are boxed: their state would make the future of
    /// every request larger, which is moved several times.
    pub(super) async fn send_http1(
        &self,
        endpoint: EndpointLease,
        (head, body): (&mut Parts, RequestBody),
        progress: Option<&Rc<UploadProgress>>,
        may_repeat: bool,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let mut request = OutgoingRequest::new(head, body, |out| attempts.write_proxy_headers(out));
        let may_repeat = may_repeat && self.settings.retry.allows(request.method());
        while let Some(connection) = endpoint.idle.take(may_repeat && progress.is_none()) {
            attempts.begin();
            let broken = match exchange_on(&endpoint, connection, &mut request).await {
                Ok(answer) => return Ok(self.answered(endpoint, answer)),
                Err(ExchangeFailure::Unsent) => {
                    endpoint.forget_protocol();
                    continue;
                }
                Err(ExchangeFailure::Failed { error, is_unanswered: true }) if may_repeat => error,
                Err(ExchangeFailure::Failed { error, .. }) => return Err(error),
            };
            // Outside of the match, which would keep room for an answer until this one is here.
            return Box::pin(self.repeat(endpoint, request, progress, broken, attempts)).await;
        }
        // A new connection that breaks is a fault of the endpoint: where there is another, it is
        // worth a second attempt.
        let may_repeat = may_repeat && self.endpoints.are_several();
        Box::pin(self.send_new(endpoint, request, progress, may_repeat, attempts)).await
    }

    /// Sends a request again that got no answer, unless some of its body was taken and not kept.
    /// That takes a new connection: others in the pool may have been closed at the same moment.
    async fn repeat(
        &self,
        endpoint: EndpointLease,
        mut request: OutgoingRequest<RequestBody>,
        progress: Option<&Rc<UploadProgress>>,
        broken: UpstreamError,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        if !(request.rewind() || begins_again(&mut request, progress)) {
            return Err(broken);
        }
        endpoint.forget_protocol();
        let Some(endpoint) = self.endpoints.for_repetition(endpoint) else {
            return Err(broken);
        };
        self.count_repeated(&broken);
        attempts.at(&endpoint.name);
        let again = attempts.again();
        let answer = self.send_new(endpoint, request, progress, false, &again).await;
        self.endpoints.count_retry(&answer);
        answer.map_err(|error| error.after(broken))
    }

    /// Sends over a new connection, or where there is none to this endpoint to another one.
    async fn send_new(
        &self,
        mut endpoint: EndpointLease,
        mut request: OutgoingRequest<RequestBody>,
        progress: Option<&Rc<UploadProgress>>,
        may_repeat: bool,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let mut tried = TriedEndpoints::default();
        loop {
            endpoint.idle.watch();
            // Those of the first were of no use.
            let idle = if tried.is_first() { None } else { endpoint.idle.take(may_repeat) };
            let was_idle = idle.is_some();
            let connection = match idle {
                Some(connection) => Ok(connection),
                None => self.connect_counted(&endpoint).await,
            };
            let error = match connection {
                Ok(connection) => {
                    attempts.begin();
                    match exchange_on(&endpoint, connection, &mut request).await {
                        Ok(answer) => {
                            self.endpoints.count_tried(&tried);
                            return Ok(self.answered(endpoint, answer));
                        }
                        Err(ExchangeFailure::Unsent) if was_idle => continue,
                        Err(ExchangeFailure::Unsent) => UpstreamError::ClosedEarly,
                        Err(ExchangeFailure::Failed { error, is_unanswered: true })
                            if may_repeat =>
                        {
                            let repeating =
                                self.repeat(endpoint, request, progress, error, attempts);
                            return Box::pin(repeating).await;
                        }
                        Err(ExchangeFailure::Failed { error, .. }) => return Err(error),
                    }
                }
                Err(error) => error,
            };
            match self.endpoints.another_after(&error, endpoint, &mut tried) {
                Some(another) => {
                    attempts.at(&another.name);
                    another.idle.saw(Instant::now());
                    endpoint = another;
                }
                None => return Err(error),
            }
        }
    }

    async fn connect_counted(
        &self,
        endpoint: &UpstreamEndpoint,
    ) -> Result<Http1Connection<UpstreamSocket>, UpstreamError> {
        let counted = self.caps.connection().await?;
        self.connect(endpoint.connect_http1(counted)).await
    }

    fn answered(
        &self,
        endpoint: EndpointLease,
        answer: Response<Http1Body<UpstreamSocket>>,
    ) -> UpstreamAnswer {
        self.endpoints.answered(&endpoint, answer.status());
        // The place comes first: `Box::new` would copy all of it once more.
        let place = Box::new_uninit();
        let answer = answer.map(|body| AnswerBody::new(AnswerSource::Http1(body), endpoint));
        UpstreamAnswer { response: Box::write(place, answer) }
    }
}

/// Not an `async fn`, which has room for the connection twice.
fn exchange_on<'r>(
    endpoint: &'r UpstreamEndpoint,
    connection: Http1Connection<UpstreamSocket>,
    request: &'r mut OutgoingRequest<RequestBody>,
) -> impl Future<Output = Result<Response<Http1Body<UpstreamSocket>>, ExchangeFailure>> + use<'r> {
    let home = Rc::downgrade(&endpoint.idle);
    let mut exchange = Http1Exchange::new(connection, request);
    poll_fn(move |cx| exchange.poll(cx, &home))
}

/// Whether the body was kept, and the request can be sent with it again.
fn begins_again(
    request: &mut OutgoingRequest<RequestBody>,
    progress: Option<&Rc<UploadProgress>>,
) -> bool {
    request.let_body_go();
    let body = progress.and_then(RequestBody::untouched);
    body.is_some_and(|body| request.begin_again(body))
}
