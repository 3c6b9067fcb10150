//! One request: the decision on it, and what is known of it at its end.

use std::{
    cell::{Cell, OnceCell},
    error::Error,
    fmt,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::LOCATION, request::Parts};
use http_body::Body;
use tracing::{Span, field};

use super::{
    AnswerToSign, Engine, Forward, Outcome, Refusal, RefusalForm, RequestArrival, RequestRecord,
    UploadFault, VerifiedBody, WorkerEngine, private_answer, record::TroubleCause, signed,
};
use crate::{
    cors::AnswerFrom,
    gate::{Admission, AnnouncedRequest, Decision, Denial, Gate, Peer, Route},
    limits::LimitAnswer,
    otel::{StepKind, StepSpan},
    policy::{
        CanonicalRequest, NotCanonical,
        ids::{IssuerId, ListenerId},
    },
    reason::{Cause, Class, Reason},
    token::VerifiedToken,
};

/// A request in progress: decides on it, and collects the data for log, span and metrics.
#[derive(Debug)]
pub struct Exchange<'e> {
    pub(super) engine: &'e WorkerEngine,
    form: RefusalForm,
    listener: Option<ListenerId>,
    request: OnceCell<CanonicalRequest>,
    pub(super) route: Cell<Option<&'e Arc<Route>>>,
    /// What the answer says of the limits of the route.
    limits: OnceCell<Box<LimitAnswer>>,
    span: Span,
    record: Rc<RequestRecord>,
}

/// Why a request is not forwarded.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It is refused.
    Denied(Denial),
    /// It is for something that is answered here.
    Answered(Box<Refusal>),
    /// The client did not send it to its end.
    Unfinished(UploadFault),
    /// It is a preflight, which is answered in place of the service.
    Preflight,
}

impl<'e> Exchange<'e> {
    pub(super) fn new(
        engine: &'e WorkerEngine,
        form: RefusalForm,
        arrival: &RequestArrival<'_>,
    ) -> Self {
        let span = tracing::debug_span!(
            "request",
            route = field::Empty,
            issuer = field::Empty,
            outcome = field::Empty
        );
        Self {
            engine,
            form,
            listener: arrival.listener,
            request: OnceCell::new(),
            route: Cell::new(None),
            limits: OnceCell::new(),
            span,
            record: engine.recorder.begin(arrival),
        }
    }

    /// Decides on the request. The body is read only if the route requires a signature, and only
    /// after the expected signer is known (threats S-12).
    ///
    /// `head` is rewritten for the upstream, if the request may pass. `body` is `None` where the
    /// front end does not have the request's body, as an authorization service does not: a request
    /// that has to be signed does not pass there.
    ///
    /// A request for the metadata of a resource is answered here: no route can hide that.
    ///
    /// # Errors
    /// The [`Refusal`], counted and logged.
    pub async fn decide<'x, B>(
        &'x self,
        head: &mut Parts,
        body: Option<B>,
        peer: &'x Peer,
    ) -> Result<Forward<'x, B>, Box<Refusal>>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    {
        #[cfg(feature = "otel")]
        let decided = match self.record.spans().spans() {
            Some(spans) => {
                let deciding = Box::pin(self.try_to_admit(head, body, peer));
                crate::otel::within(spans, deciding).await
            }
            None => self.try_to_admit(head, body, peer).await,
        };
        #[cfg(not(feature = "otel"))]
        let decided = self.try_to_admit(head, body, peer).await;
        match decided {
            Ok(forward) => Ok(forward),
            Err(Stopped::Denied(denial)) => {
                let refusal = self.deny(denial);
                self.glance(head);
                Err(refusal)
            }
            Err(Stopped::Answered(answer)) => Err(answer),
            Err(Stopped::Unfinished(fault)) => Err(self.abort(fault)),
            Err(Stopped::Preflight) => Err(self.answer_preflight()),
        }
    }

    /// Refuses the request for a reason that the front end detected.
    pub fn refuse(&self, cause: impl Into<Cause>) -> Box<Refusal> {
        self.deny(self.denial(cause))
    }

    /// The answer to an admitted request that its upstream did not answer.
    pub fn fail(&self, reason: Reason, error: &dyn fmt::Display) -> Box<Refusal> {
        let denial = self.denial(reason);
        let refusal = self.engine.engine.denials.refuse(&denial, self.form, self.record.id());
        self.end(Outcome::Failed);
        self.report_trouble(&denial, Some(error));
        self.record.denied(denial);
        Box::new(refusal)
    }

    /// Records the outcome of an admitted request.
    pub fn end(&self, outcome: Outcome) {
        if let Some(counter) = self.route.get().and_then(|route| outcome.of(route.counters())) {
            counter.inc();
        }
        self.record_outcome(outcome);
    }

    /// The client did not finish its upload, or was not let. Any client can do this as often as it
    /// likes: not worth a line by default.
    pub fn abort(&self, fault: UploadFault) -> Box<Refusal> {
        if let UploadFault::TooLarge(most) = fault {
            return self.refuse_large_body(most);
        }
        self.end(Outcome::Aborted);
        let route = self.route.get().map_or("(none)", |route| route.label());
        tracing::debug!(route, client = ?fault, "the upload was not finished");
        Box::new(Refusal::bare(fault.status(), fault.grpc_status(), self.form))
    }

    /// Removes and sets what the operator has written for answers of its route. In an answer of the
    /// proxy's own only what it does not say itself. To be called before what else is set in it.
    pub fn set_answer_headers(&self, headers: &mut HeaderMap, from: AnswerFrom) {
        let route = self.route.get();
        let rules = match route {
            Some(route) => route.answer_headers(),
            None => self.engine.engine.gate.answer_headers(),
        };
        match (rules, from) {
            (None, _) => {}
            (Some(rules), AnswerFrom::Service) => rules.apply(headers),
            (Some(rules), AnswerFrom::Proxy) => rules.apply_to_own(headers),
        }
    }

    /// Makes the answer's head one that no shared cache keeps and whose URL no page passes on,
    /// where the URL had a credential in it. Says what the limits of the route have left, and the
    /// request's id.
    pub fn finish_answer(&self, status: StatusCode, headers: &mut HeaderMap, from: AnswerFrom) {
        self.record.stamp_answer(headers, from == AnswerFrom::Proxy);

        let has_parameters = |request: &CanonicalRequest| request.parameters().is_some();
        if self.request.get().is_some_and(has_parameters) {
            private_answer::protect(status, headers);
        }
        if let Some(limits) = self.limits.get() {
            limits.apply(headers);
        }
    }

    /// What is known of it, until the end of its answer.
    pub fn record(&self) -> &Rc<RequestRecord> {
        &self.record
    }

    /// How its refusal has to look.
    pub fn form(&self) -> RefusalForm {
        self.form
    }

    /// The canonical request; `None` if it has no canonical form, or was not parsed.
    pub fn request(&self) -> Option<&CanonicalRequest> {
        self.request.get()
    }

    async fn try_to_admit<'x, B>(
        &'x self,
        head: &mut Parts,
        body: Option<B>,
        peer: &'x Peer,
    ) -> Result<Forward<'x, B>, Stopped>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    {
        let WorkerEngine { engine, cache, .. } = self.engine;
        let (request, announced) = self.read(head)?;
        if let Some(documents) = &engine.documents
            && let Some(document) = documents.answer(request)
        {
            return Err(Stopped::Answered(Box::new(Refusal::new(document))));
        }
        let verifying = StepSpan::begin(StepKind::Verification);
        let decision = match announced {
            Some(route) => engine.gate.admit_preflight(route, &head.headers, peer)?,
            None => engine.gate.admit(request, &head.headers, peer, cache).await?,
        };
        drop(verifying);
        // Before a body is read: the path can't be served, signed or not.
        let outgoing = decision.route().outgoing_target(request)?;
        let (mut admission, body) = match decision {
            Decision::Admitted(admission) => {
                self.record.admitted(admission.shared_token());
                (admission, VerifiedBody::Unread(body))
            }
            Decision::Unsigned(unsigned) => {
                self.route.set(Some(unsigned.route()));
                self.record.admitted(unsigned.shared_token());
                let body = body.ok_or_else(|| unsigned.refuse(Reason::SignedBodyMissing))?;
                let _verifying = StepSpan::begin(StepKind::Signature);
                // Boxed: a request that is not signed does not carry the room for it along.
                let verdict = Box::pin(signed::verify(
                    unsigned,
                    request,
                    &head.headers,
                    body,
                    engine.holding(),
                ));
                let (admission, held) = verdict.await?;
                (admission, VerifiedBody::Held(held))
            }
            Decision::Preflight(route) => {
                self.route.set(Some(route));
                return Err(Stopped::Preflight);
            }
            Decision::Redirect(route, redirect) => {
                let location = redirect.location(request);
                let location = location.map_err(|refused| uncanonical(refused).on(route))?;
                return Err(Stopped::Answered(self.redirect(route, redirect.status, location)));
            }
        };
        let credential = match admission.route().upstream_credential() {
            // A preflight is no caller's, and carries no credentials.
            Some(credential) if announced.is_none() => {
                let (gate, headers) = (&engine.gate, &head.headers);
                gate.service_credential(credential, &admission, request, headers).await?
            }
            _ => None,
        };
        let origin = engine.gate.prepare(&admission, request, &mut head.headers, peer)?;
        if let Some(credential) = credential {
            credential.apply(&mut head.headers);
        }
        self.record.stamp(&mut head.headers);
        let answer = AnswerToSign::begin(&admission, &engine.bodies)?;
        self.admitted(&admission);
        let permit = admission.take_permit().map(|mut permit| {
            let answer = permit.take_answer();
            if !answer.is_empty() {
                self.limits.get_or_init(|| Box::new(answer));
            }
            permit
        });
        let permit = permit.filter(|permit| permit.is_held());
        Ok(Forward { request, outgoing, admission, origin, body, answer, permit })
    }

    /// Makes the request canonical. The route is that of the request that a preflight announces.
    fn read(&self, head: &Parts) -> Result<(&CanonicalRequest, Option<&'e Arc<Route>>), Denial> {
        let gate = &self.engine.engine.gate;
        let Parts { method, uri, version, headers, .. } = head;
        let Some(listener) = self.listener else {
            return Err(Denial::new(Reason::RouteUnknown));
        };
        let (mut request, announced) = match gate.preflight(listener, head) {
            Some(AnnouncedRequest { request, route }) => (request, Some(route)),
            // Not `map_err`, which moves all of the request.
            None => match gate.request_rules(listener).canonical(method, uri, *version, headers) {
                Ok(request) => (request, None),
                Err(refused) => return Err(uncanonical(refused)),
            },
        };
        gate.take_parameters(&mut request).map_err(uncanonical)?;
        Ok((self.request.get_or_init(|| request), announced))
    }

    fn admitted(&self, admission: &Admission<'e>) {
        self.route.set(Some(admission.route()));
        self.record_subject(Some(admission.route()), admission.token().map(VerifiedToken::issuer));
    }

    /// The answer of a route that redirects. Whether it is cached is up to its status: it depends
    /// on nothing but the URL.
    fn redirect(
        &self,
        route: &'e Arc<Route>,
        status: StatusCode,
        location: HeaderValue,
    ) -> Box<Refusal> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response.headers_mut().insert(LOCATION, location);
        self.route.set(Some(route));
        self.record_subject(Some(route), None);
        self.end(Outcome::Redirected);
        Box::new(Refusal::new(response))
    }

    /// On the route that was taken, if there is one.
    fn denial(&self, cause: impl Into<Cause>) -> Denial {
        let denial = Denial::new(cause);
        match self.route.get() {
            Some(route) => denial.on(route),
            None => denial,
        }
    }

    fn deny(&self, denial: Denial) -> Box<Refusal> {
        let Engine { gate, denials, .. } = &*self.engine.engine;
        let refusal = denials.refuse(&denial, self.form, self.record.id());
        self.record_subject(denial.route(), denial.issuer());
        if let Some(route) = denial.route() {
            self.route.set(Some(gate.compiled(route)));
        }
        gate.count_denial(&denial);
        if denial.class() == Class::CannotDecide {
            self.report_trouble(&denial, None);
        }
        self.record_outcome(Outcome::Denied);
        self.record.denied(denial);
        Box::new(refusal)
    }

    /// What keeps requests from being decided or answered is said once, and then summarised.
    #[cold]
    fn report_trouble(&self, denial: &Denial, error: Option<&dyn fmt::Display>) {
        let route = denial.route().map_or(Gate::UNROUTED, Route::label);
        let endpoint = error.and_then(|_| self.record.endpoint());
        let (reason, subject) = (denial.reason(), denial.subject());
        let cause = TroubleCause::of(reason, route, subject, endpoint.as_deref(), error);
        let _entered = self.span.enter();
        self.engine.engine.access.troubles.failed(&cause, self.record.id());
    }

    /// Looks at whose token was refused, for the line of the request.
    fn glance(&self, head: &Parts) {
        if !self.record.wants_glance() {
            return;
        }
        let (Some(request), Some(route)) = (self.request.get(), self.route.get()) else { return };
        let WorkerEngine { engine, cache, .. } = self.engine;
        if let Ok(found) = route.sources().extract(request, &head.headers) {
            self.record.glanced(engine.gate.verifier().glance(found.credential(), cache));
        }
    }

    pub(super) fn record_subject(&self, route: Option<&Route>, issuer: Option<IssuerId>) {
        if !self.span.is_disabled() {
            self.span.record("route", route.map_or("(none)", Route::label));
            self.span.record("issuer", self.engine.engine.gate.issuer_label(issuer));
        }
    }

    /// A disabled span would still look the field up.
    pub(super) fn record_outcome(&self, outcome: Outcome) {
        self.record.ends_as(outcome);
        if !self.span.is_disabled() {
            self.span.record("outcome", outcome.name());
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.record.decided(self.route.get().map(|route| &**route), || self.request.take());
    }
}

impl From<Denial> for Stopped {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

fn uncanonical(refused: NotCanonical) -> Denial {
    Denial::new(refused.cause())
}
