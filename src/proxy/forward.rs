//! Carries one decision out: the request goes to the upstream and its answer back, or a refusal.

use std::{convert::Infallible, rc::Rc, time::Duration};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH},
    request::Parts,
};
use hyper::body::{Body as _, Incoming};
use tokio::task::yield_now;

use crate::{
    decision::{
        AnswerFrom, AnswerToSign, Exchange, Forward, Outcome, Refusal, RefusalForm, RequestArrival,
        RequestRecord, UploadFault, VerifiedBody, record::SendAttempts,
    },
    identity::{ProxyHeaders, clean_response},
    policy::settings::{BodyHandling, ExchangeLimits},
    reason::Reason,
    signature::VerifiedSignature,
    upstream::{AnswerBody, RequestBody, UpstreamAnswer, UpstreamError, UpstreamPool},
    wire::framing,
};

use super::{
    body::{ResponseBody, StreamBound},
    client_body::ClientBody,
    connection::Connection,
    guards::{RequestGuard, UploadRoom},
    location::LocationRewriter,
    outbound::{self, OutboundForm},
    rare_headers::RareHeaders,
    tunnel,
    upgrade::Upgrade,
    upload,
    worker::Serving,
};

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// Answers one request, whatever it is. It is boxed, since it is handed from future to future.
pub(super) fn answer(
    connection: Rc<Connection>,
    request: Box<Request<Incoming>>,
) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> {
    // Before it polls the future hyper looks for further bytes: that must not count as waiting for
    // the rest of a head.
    let mut guard = RequestGuard::new(&connection.open);
    async move {
        let serving = connection.worker.serving();
        let has_body = !request.body().is_end_stream();
        let is_head = *request.method() == Method::HEAD;
        let form = RefusalForm::of_client(request.method(), request.headers());
        let arrival = RequestArrival {
            listener: serving.listener(connection.listener),
            peer: &connection.peer,
            headers: request.headers(),
        };
        let exchange = serving.engine.exchange(form, &arrival);
        guard.report(exchange.record());
        let sender = exchange.cross_origin(request.headers());
        let forwarder = Forwarder { connection: &connection, serving: &serving };
        // Not `unwrap_or_else`, which copies the answer once more.
        let mut response = match forwarder.run(request, guard, &exchange).await {
            Ok(response) => response,
            Err(refusal) => own_answer(*refusal, is_head),
        };
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let is_own = response.body().is_own() && !switches;
        let from = if is_own { AnswerFrom::Proxy } else { AnswerFrom::Service };
        exchange.set_answer_headers(response.headers_mut(), from);
        exchange.finish_answer(response.status(), response.headers_mut(), from);
        if has_body && response.body().is_own() {
            connection.activity.body_stays_unread();
        }
        if connection.activity.must_drain() {
            // hyper drops what is here of the body, and closes the connection behind the answer if
            // that is not the rest of it. It does so before it writes the answer's head, which then
            // says that the connection ends: else clients send their next request on it. Until then
            // the request is served, though its guard may be gone with a refusal: what hyper flushes
            // is not the answer, and what it reads is no head.
            let _answer = connection.open.answer_follows();
            yield_now().await;
        }
        // What a page gets of a tunnel is not up to CORS.
        if let Some(sender) = sender
            && !switches
        {
            exchange.share(response.headers_mut(), from, sender);
        }
        if connection.worker.is_leaving() && connection.activity.is_http1() && !switches {
            response.headers_mut().insert(CONNECTION, CLOSE);
        }
        exchange.record().answered(response.status());
        response.body_mut().report(exchange.record());
        Ok(response)
    }
}

/// An answer of ours. That to HEAD has the length of the body that it does not have
/// (RFC 9110 §9.3.2).
fn own_answer(refusal: Refusal, is_head: bool) -> Response<ResponseBody> {
    let mut response = refusal.into_response();
    if is_head && !response.body().is_empty() {
        let length = std::mem::take(response.body_mut()).len();
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response.map(ResponseBody::own)
}

/// Carries a decision out.
struct Forwarder<'e> {
    connection: &'e Connection,
    serving: &'e Serving,
}

impl Forwarder<'_> {
    async fn run(
        &self,
        mut request: Box<Request<Incoming>>,
        mut guard: RequestGuard,
        exchange: &Exchange<'_>,
    ) -> Result<Response<ResponseBody>, Box<Refusal>> {
        let upload = Self::room(&request, &guard).map_err(|reason| exchange.refuse(reason))?;
        let rare = RareHeaders::of(request.headers());
        let upgrade = Upgrade::proposed(&mut request);
        let limits = self.serving.config.limits.head();
        framing::check(&request, limits)
            .map_err(|reason| exchange.refuse(framing::cause(reason, &request, limits)))?;
        let loops = &self.serving.loops;
        loops.check(&request).map_err(|reason| exchange.refuse(reason))?;
        let (mut parts, body) = request.into_parts();
        let body = ClientBody::new(body, &parts.headers, exchange.record());
        // Taken apart at once: what is left of it would be room in the future of every request.
        let Forward {
            request: canonical,
            outgoing,
            admission,
            origin,
            body,
            answer: to_sign,
            permit,
        } = exchange.decide(&mut parts, Some(body), &self.connection.peer).await?;
        guard.hold(permit);
        let upstream = self.serving.upstreams.get(admission.upstream());
        let rules = self.serving.config.routes.get(admission.route().id());
        let body = if rules.restricts_bodies && upload.is_some() {
            exchange.record().times().decided();
            Box::pin(bounded(body, &rules.limits, exchange)).await?
        } else {
            body
        };
        if let Some(place) = rules.enter().map_err(|_| exchange.refuse(Reason::RouteBusy))? {
            guard.keep(place);
        }
        if upstream.caps().count_requests() {
            exchange.record().times().decided();
            let entering = upstream.caps().enter(upstream.expects_http1());
            let places = Box::pin(entering).await;
            let places = places.map_err(|_| exchange.refuse(Reason::UpstreamBusy))?;
            for place in places {
                guard.keep(place);
            }
        }
        // A signature covers a message; a tunnel's bytes are not covered.
        let upgrade = upgrade
            .filter(|_| admission.signature().is_none())
            .and_then(|upgrade| upgrade.to(upstream.settings()));
        let form = exchange.form();
        let is_signed = admission.signature().is_some();
        let body = self.outbound_body(body, upload, &mut parts, &rules.limits, form, is_signed);
        let record = exchange.record();
        let proxy_headers = ProxyHeaders {
            id: (record.id_header(), record.id()),
            loop_mark: loops.mark(parts.version),
            origin,
        };
        let form = OutboundForm::of(upstream, upgrade.is_some());
        let target = outgoing.as_deref().map_or_else(|| canonical.target(), |it| &it.target);
        if let Err(error) = outbound::address(&mut parts, rare, canonical, target, form) {
            return Err(fail(exchange, upstream, &error.into(), None));
        }
        if let Some(upgrade) = &upgrade {
            upgrade.request_upgrade(&mut parts.headers);
        }
        let progress = body.progress();
        let signature = admission.signature();
        let begin = || signature.iter().for_each(|signature| signature.commit());
        // The id of a signed message counts as used once it is sent.
        let attempts = SendAttempts::new(record, &proxy_headers, &begin);
        let timeout = rules.limits.response_timeout;
        let request = (&mut parts, body);
        let mut answer = self.send(request, signature, upstream, timeout, &attempts).await;
        if let (Ok(answer), Some(back)) = (&mut answer, outgoing.and_then(|it| it.back)) {
            let host = canonical.authority();
            LocationRewriter::new(&back, upstream.settings().addresses().collect(), host)
                .apply(answer.response.headers_mut());
        }
        let passed = match (answer, to_sign) {
            (Ok(answer), Some(to_sign)) => {
                Box::pin(self.pass_back_signed(answer, &rules.limits, to_sign, guard)).await
            }
            (Ok(answer), None) => {
                self.pass_back(answer, &rules.limits, upgrade, guard, exchange.record())
            }
            (Err(error), _) => Err(error),
        };
        match passed {
            Ok(response) => {
                exchange.end(Outcome::Forwarded);
                Ok(response)
            }
            Err(error) => {
                let client = progress.and_then(|progress| progress.client_fault());
                Err(fail(exchange, upstream, &error, client))
            }
        }
    }

    /// The room for the request's body, if it has one.
    fn room(
        request: &Request<Incoming>,
        guard: &RequestGuard,
    ) -> Result<Option<UploadRoom>, Reason> {
        if !guard.has_room() {
            return Err(Reason::MemoryExhausted);
        }
        let body = request.body();
        if body.is_end_stream() {
            return Ok(None);
        }
        let room = guard.room_for_upload(body.size_hint().upper());
        room.map(Some).ok_or(Reason::MemoryExhausted)
    }

    async fn send(
        &self,
        request: (&mut Parts, RequestBody),
        signature: Option<&VerifiedSignature>,
        upstream: &UpstreamPool,
        response_timeout: Duration,
        attempts: &SendAttempts<'_>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let progress = request.1.progress();
        let answer = upstream.send(request, signature.is_none(), response_timeout, attempts).await;
        if let (Err(error), Some(signature)) = (&answer, signature)
            && error.is_unsent()
        {
            // The upstream has not seen the request: its id is not used up.
            signature.rollback().await;
        }
        if progress.is_some_and(|upload| !upload.has_ended()) {
            // It was answered before it was read to its end: what the client still sends of it must
            // never be taken for a request.
            self.connection.activity.body_stays_unread();
        }
        answer
    }

    /// The body that the upstream receives.
    fn outbound_body(
        &self,
        body: VerifiedBody<ClientBody>,
        room: Option<UploadRoom>,
        parts: &mut Parts,
        limits: &ExchangeLimits,
        form: RefusalForm,
        is_signed: bool,
    ) -> RequestBody {
        match body {
            VerifiedBody::Unread(body) => {
                let pause = self.upload_pause(limits.stream_timeout, form);
                let most = limits.max_body.most().map(|most| most as u64);
                upload::streamed(body, pause, room, most)
            }
            VerifiedBody::Held(body) => {
                outbound::unframe(&mut parts.headers);
                upload::held(body, !is_signed)
            }
        }
    }

    /// How long a request body may pause. The sides of a gRPC stream take turns, so there it is
    /// as long as for an answer.
    fn upload_pause(&self, stream_timeout: Duration, form: RefusalForm) -> Duration {
        match form {
            RefusalForm::Grpc => stream_timeout,
            RefusalForm::Http => self.serving.config.limits.body_timeout,
        }
    }

    fn pass_back(
        &self,
        answer: UpstreamAnswer,
        limits: &ExchangeLimits,
        upgrade: Option<Box<Upgrade>>,
        guard: RequestGuard,
        record: &Rc<RequestRecord>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let UpstreamAnswer { mut response } = answer;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch_protocols(*response, limits, upgrade, guard, record);
        }
        clean(&mut response);
        let bound = self.stream_bound(&response);
        if upgrade.is_some() {
            // An upstream that answers an upgrade otherwise may still treat what follows on the
            // connection as a tunnel: it is not used again (threats F-10).
            response.body_mut().close_afterwards();
        }
        Ok(response.map(|body| ResponseBody::upstream(body, limits.stream_timeout, guard, bound)))
    }

    /// What ends the answer when the proxy stops. One whose length is known ends by itself.
    fn stream_bound(&self, answer: &Response<AnswerBody>) -> Option<StreamBound> {
        if answer.body().size_hint().exact().is_some() {
            return None;
        }
        StreamBound::of(answer.headers(), &self.connection.worker.stop.streams)
    }

    /// The whole answer with our signature over it.
    async fn pass_back_signed(
        &self,
        answer: UpstreamAnswer,
        limits: &ExchangeLimits,
        to_sign: AnswerToSign,
        guard: RequestGuard,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let UpstreamAnswer { mut response } = answer;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::ProtocolChanged);
        }
        clean(&mut response);
        let (mut parts, body) = response.into_parts();
        let signed = to_sign.sign(&mut parts, body, limits.stream_timeout).await?;
        Ok(Response::from_parts(parts, ResponseBody::whole(signed, guard)))
    }

    fn switch_protocols(
        &self,
        response: Response<AnswerBody>,
        limits: &ExchangeLimits,
        upgrade: Option<Box<Upgrade>>,
        mut guard: RequestGuard,
        record: &Rc<RequestRecord>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let (mut parts, body) = response.into_parts();
        let ends = upgrade.and_then(|upgrade| upgrade.agree(&parts.headers, body));
        let ends = ends.ok_or(UpstreamError::ProtocolChanged)?;
        ends.confirm(&mut parts.headers);
        let stop = self.connection.worker.stop.streams.clone();
        let tunnel = tunnel::run(ends, limits.stream_timeout, stop, Rc::clone(record));
        guard.tunnel_begins();
        self.connection.worker.tasks.spawn_local(async move {
            tunnel.await;
            drop(guard);
        });
        Ok(Response::from_parts(parts, ResponseBody::empty()))
    }
}

/// A body within what its route allows, and as a whole where the route says so.
async fn bounded(
    body: VerifiedBody<ClientBody>,
    limits: &ExchangeLimits,
    exchange: &Exchange<'_>,
) -> Result<VerifiedBody<ClientBody>, Box<Refusal>> {
    let VerifiedBody::Unread(Some(unread)) = body else { return Ok(body) };
    let most = limits.max_body.most();
    if let Some(most) = most.filter(|most| unread.size_hint().lower() > *most as u64) {
        return Err(exchange.refuse_large_body(most as u64));
    }
    match limits.body {
        BodyHandling::Stream => Ok(VerifiedBody::Unread(Some(unread))),
        BodyHandling::Buffer => exchange.buffer(unread, most).await.map(VerifiedBody::Held),
    }
}

/// The answer where the upstream gave none. A client that did not finish its upload is to blame,
/// whatever the upstream made of that.
fn fail(
    exchange: &Exchange<'_>,
    upstream: &UpstreamPool,
    error: &UpstreamError,
    client: Option<UploadFault>,
) -> Box<Refusal> {
    match (client, error) {
        (Some(fault), _) => exchange.abort(fault),
        (None, UpstreamError::Busy(_)) => exchange.refuse(Reason::UpstreamBusy),
        (None, _) => exchange.fail(upstream.count_failed(exchange.record(), error), error),
    }
}

/// Takes what is between the upstream and us only out of an answer.
fn clean(answer: &mut Response<AnswerBody>) {
    clean_response(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
}
