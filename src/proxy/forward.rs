//! The way of one request: canonical form, the gate's answer, the upstream's answer.

use std::{rc::Rc, time::Duration};

use http::{Request, Response, StatusCode, Version, request::Parts, response};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use crate::{
    gate::{Admission, Decision, Denial, Route},
    identity::clean_response,
    policy::{CanonicalRequest, NotCanonical},
    proxy::upstream::settings::UpstreamSettings,
    reason::Reason,
    telemetry::{SHOWN_METHOD, SHOWN_PATH, cut},
};

use super::{
    answer::{self, Failure, is_call},
    answer_signing::AnswerToSign,
    body::{ClientFault, RequestBody, ResponseBody, UploadProgress},
    connection::Connection,
    framing,
    guards::RequestGuard,
    held_body::HeldBody,
    outbound,
    signed::{self, Holding, Unverified},
    tunnel,
    upgrade::Upgrade,
    upstream::{UpstreamAnswer, UpstreamError, UpstreamPool},
    worker::Serving,
};

/// Answers one request, whatever it is.
pub(super) async fn answer(
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let guard = RequestGuard::new(&connection.open);
    let serving = connection.worker.serving();
    let started = serving.engine.access_log.then(Instant::now);
    let is_grpc = is_call(request.method(), request.headers());
    let has_body = !request.body().is_end_stream();
    let exchange = Exchange { connection: &connection, serving: &serving, is_grpc };
    let mut line = None;
    let outcome = exchange.run(request, guard, &mut line).await;
    let response = outcome.unwrap_or_else(|denial| exchange.refuse(&denial, line.as_ref()));
    if has_body && response.body().is_own() {
        connection.activity.body_stays_unread();
    }
    if let Some(started) = started {
        log_access(line.as_ref(), &response, started);
    }
    response
}

/// A request's body on this side.
enum Inbound {
    /// On its way.
    Streamed(Incoming),
    /// Here, and verified.
    Held(HeldBody),
}

/// What all steps of one exchange need.
struct Exchange<'e> {
    connection: &'e Connection,
    serving: &'e Serving,
    is_grpc: bool,
}

impl Exchange<'_> {
    /// The canonical request is left in `line`, for whoever writes about the outcome.
    async fn run(
        &self,
        mut request: Request<Incoming>,
        guard: RequestGuard,
        line: &mut Option<CanonicalRequest>,
    ) -> Result<Response<ResponseBody>, Denial> {
        let upgrade = Upgrade::asked_for(&mut request);
        let canonical = line.insert(canonical(&request).map_err(Denial::new)?);
        let gate = &self.serving.engine.gate;
        let decision = gate.admit(canonical, request.headers(), &self.serving.cache).await?;
        let (mut parts, body) = request.into_parts();
        let (admission, body) = match decision {
            Decision::Admitted(admission) => (admission, Inbound::Streamed(body)),
            Decision::OnceSigned(condition) => {
                // Boxed: a request that is not signed does not carry the room for it along.
                let verdict =
                    signed::verify(condition, canonical, &parts.headers, body, self.holding());
                match Box::pin(verdict).await {
                    Ok((admission, held)) => (admission, Inbound::Held(held)),
                    Err(Unverified::Denied(denial)) => return Err(denial),
                    Err(Unverified::Unfinished(route, fault)) => {
                        return Ok(self.unfinished(route, fault));
                    }
                }
            }
        };
        gate.prepare(&admission, canonical, &mut parts.headers, &self.connection.peer)?;
        let to_sign = AnswerToSign::begin(&admission, &self.serving.engine.bodies)?;
        let upstream = self.serving.upstreams.get(admission.route().upstream());
        // What is signed is a message; what follows on a tunnel is none.
        let upgrade = upgrade.filter(|_| {
            admission.signature().is_none() && Upgrade::is_possible(&upstream.settings().address)
        });
        let body = self.outbound_body(body, &mut parts, upstream.settings());
        let address = &upstream.settings().address;
        if let Err(error) = outbound::address(&mut parts, canonical, &body, address) {
            return Ok(self.fail(admission.route(), upstream, &error.into(), None));
        }
        let mut request = Request::from_parts(parts, body);
        if upgrade.is_some() {
            Upgrade::ask(request.headers_mut());
        }
        let progress = request.body().progress();
        let answer = self.send(&admission, request, upstream, progress.as_deref()).await;
        let passed = match (answer, to_sign) {
            (Ok(answer), Some(to_sign)) => {
                Box::pin(self.pass_back_signed(answer, upstream, to_sign, guard)).await
            }
            (Ok(answer), None) => self.pass_back(answer, upstream, upgrade, guard),
            (Err(error), _) => Err(error),
        };
        let counters = admission.route().counters();
        Ok(passed.inspect(|_| counters.forwarded.inc()).unwrap_or_else(|error| {
            let client = progress.and_then(|progress| progress.client_fault());
            self.fail(admission.route(), upstream, &error, client)
        }))
    }

    async fn send(
        &self,
        admission: &Admission<'_>,
        request: Request<RequestBody>,
        upstream: &UpstreamPool,
        progress: Option<&UploadProgress>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let signature = admission.signature();
        let begin = || signature.iter().for_each(|signature| signature.commit());
        let answer = upstream.send(request, begin).await;
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
        body: Inbound,
        parts: &mut Parts,
        upstream: &UpstreamSettings,
    ) -> RequestBody {
        match body {
            Inbound::Streamed(body) => {
                RequestBody::new(body, self.upload_pause(upstream.stream_timeout))
            }
            Inbound::Held(body) => {
                outbound::unframe(&mut parts.headers);
                RequestBody::held(body)
            }
        }
    }

    fn holding(&self) -> Holding<'_> {
        let engine = &self.serving.engine;
        Holding {
            limits: &engine.limits,
            store: &engine.bodies,
            journal: engine.journal.as_deref(),
        }
    }

    /// How long a request body may pause. The sides of a gRPC stream take turns, so there it is
    /// as long as for an answer.
    fn upload_pause(&self, stream_timeout: Duration) -> Duration {
        if self.is_grpc { stream_timeout } else { self.serving.engine.limits.body_timeout }
    }

    fn pass_back(
        &self,
        answer: UpstreamAnswer,
        upstream: &UpstreamPool,
        upgrade: Option<Upgrade>,
        guard: RequestGuard,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let UpstreamAnswer { response, lease } = answer;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch_protocols(response, upstream, upgrade, guard);
        }
        // An upstream that answers an upgrade otherwise may still treat what follows on the
        // connection as a tunnel: it is not used again (threats F-10).
        let lease = if upgrade.is_some() { None } else { lease };
        let (parts, body) = cleaned(response);
        let stall_after = upstream.settings().stream_timeout;
        let body = ResponseBody::upstream(body, stall_after, lease, guard);
        Ok(Response::from_parts(parts, body))
    }

    /// The whole answer with our signature over it.
    async fn pass_back_signed(
        &self,
        answer: UpstreamAnswer,
        upstream: &UpstreamPool,
        to_sign: AnswerToSign<'_>,
        guard: RequestGuard,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let UpstreamAnswer { response, lease } = answer;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::ProtocolChanged);
        }
        let (mut parts, body) = cleaned(response);
        let signed = to_sign.sign(&mut parts, body, upstream.settings().stream_timeout).await?;
        if let Some(lease) = lease {
            lease.give_back();
        }
        Ok(Response::from_parts(parts, ResponseBody::whole(signed, guard)))
    }

    fn switch_protocols(
        &self,
        mut response: Response<Incoming>,
        upstream: &UpstreamPool,
        upgrade: Option<Upgrade>,
        guard: RequestGuard,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let ends = upgrade.and_then(|upgrade| upgrade.agree(&mut response));
        let ends = ends.ok_or(UpstreamError::ProtocolChanged)?;
        let tunnel = tunnel::run(ends, upstream.settings().stream_timeout);
        self.connection.activity.tunnel_begins();
        self.connection.worker.tasks.spawn_local(async move {
            tunnel.await;
            drop(guard);
        });
        let (mut parts, _) = response.into_parts();
        Upgrade::confirm(&mut parts.headers);
        Ok(Response::from_parts(parts, ResponseBody::empty()))
    }

    fn refuse(&self, denial: &Denial, line: Option<&CanonicalRequest>) -> Response<ResponseBody> {
        let engine = &self.serving.engine;
        let refusal = engine.answers.denial(denial, self.is_grpc);
        let denial_id = refusal.denial_id.map(|id| id.to_string());
        engine.gate.record(denial, line, denial_id.as_deref());
        refusal.response
    }

    fn fail(
        &self,
        route: &Route,
        upstream: &UpstreamPool,
        error: &UpstreamError,
        client: Option<ClientFault>,
    ) -> Response<ResponseBody> {
        if client.is_some() {
            abort(route, client);
        } else {
            route.counters().failed.inc();
            tracing::warn!(upstream = upstream.name(), %error, "no answer from the upstream");
        }
        answer::failure(Failure::of(error, client), self.is_grpc)
    }

    /// A body that had to be whole before anything else did not come to its end.
    fn unfinished(&self, route: &Route, fault: ClientFault) -> Response<ResponseBody> {
        abort(route, Some(fault));
        answer::failure(fault.into(), self.is_grpc)
    }
}

/// An answer without what is between the upstream and us only.
fn cleaned(response: Response<Incoming>) -> (response::Parts, Incoming) {
    let (mut parts, body) = response.into_parts();
    clean_response(&mut parts.headers);
    parts.version = Version::HTTP_11;
    (parts, body)
}

/// Any client can do this as often as it likes: not worth a line by default.
fn abort(route: &Route, client: Option<ClientFault>) {
    route.counters().aborted.inc();
    tracing::debug!(route = route.label(), ?client, "the upload was not finished");
}

fn canonical(request: &Request<Incoming>) -> Result<CanonicalRequest, Reason> {
    framing::check(request.headers())?;
    let (method, target, version) = (request.method(), request.uri(), request.version());
    CanonicalRequest::new(method, target, version, request.headers()).map_err(|refused| {
        tracing::debug!(%refused, "no canonical form");
        match refused {
            NotCanonical::MethodRefused => Reason::MethodNotSupported,
            _ => Reason::RequestNotCanonical,
        }
    })
}

/// One line per request: method, canonical path (never the query, which may carry secrets),
/// status and time.
fn log_access(
    line: Option<&CanonicalRequest>,
    response: &Response<ResponseBody>,
    started: Instant,
) {
    tracing::info!(
        target: "countersign::access",
        method = line.map(|line| cut(line.method().as_str(), SHOWN_METHOD)),
        path = line.map(|line| cut(line.path(), SHOWN_PATH)),
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
}
