//! One request: the decision on it, and what is known of it at its end.

use std::{cell::RefCell, error::Error};

use bytes::Bytes;
use http::{HeaderMap, Method, request::Parts};
use http_body::Body;
use tracing::{Span, field};

use super::{
    AnswerToSign, Engine, Forward, Outcome, Refusal, UploadFault, VerifiedBody, grpc, signed,
};
use crate::{
    gate::{Admission, Decision, Denial, Peer, Route},
    policy::{CanonicalRequest, NotCanonical},
    reason::Reason,
    token::{TokenCache, VerifiedToken},
};

/// A request on its way: decides on it, and keeps what log, span and metrics say about it.
#[derive(Debug)]
pub struct Exchange<'e> {
    engine: &'e Engine,
    is_grpc: bool,
    request: Option<CanonicalRequest>,
    route: Option<&'e Route>,
    span: Span,
}

/// Why a request is not forwarded.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It is refused.
    Denied(Denial),
    /// The client did not send it to its end.
    Unfinished(UploadFault),
}

impl<'e> Exchange<'e> {
    pub(super) fn new(engine: &'e Engine, method: &Method, headers: &HeaderMap) -> Self {
        let span = tracing::debug_span!(
            "request",
            route = field::Empty,
            issuer = field::Empty,
            outcome = field::Empty
        );
        let is_grpc = grpc::is_call(method, headers);
        Self { engine, is_grpc, request: None, route: None, span }
    }

    /// Decides on the request. Of a body nothing is read unless the route asks for a signature, and
    /// then not before it is known whose signature it should have (threats S-12).
    ///
    /// `head` is rewritten for the upstream, if the request may pass. `cache` is the worker's own.
    ///
    /// # Errors
    /// The [`Refusal`], counted and logged.
    pub async fn decide<B>(
        &mut self,
        head: &mut Parts,
        body: B,
        peer: &Peer,
        cache: &RefCell<TokenCache>,
    ) -> Result<Forward<'e, B>, Box<Refusal>>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    {
        match self.try_to_admit(head, body, peer, cache).await {
            Ok(forward) => Ok(forward),
            Err(Stopped::Denied(denial)) => Err(self.deny(&denial)),
            Err(Stopped::Unfinished(fault)) => Err(self.abort(fault)),
        }
    }

    /// Refuses the request for a reason that only the front end knows.
    pub fn refuse(&self, reason: Reason) -> Box<Refusal> {
        self.deny(&Denial::new(reason))
    }

    /// Says what became of a request that was admitted.
    pub fn end(&mut self, outcome: Outcome) {
        if let Some(route) = self.route {
            outcome.of(route.counters()).inc();
        }
        self.record_outcome(outcome);
    }

    /// The client did not finish its upload. Any client can do this as often as it likes: not worth
    /// a line by default.
    pub fn abort(&mut self, fault: UploadFault) -> Box<Refusal> {
        self.end(Outcome::Aborted);
        let route = self.route.map_or("(none)", Route::label);
        tracing::debug!(route, client = ?fault, "the upload was not finished");
        Box::new(Refusal::bare(fault.status(), fault.grpc_status(), self.is_grpc))
    }

    /// Whether the request is a gRPC call, whose refusal is a gRPC status.
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// The canonical request; `None` if it has no canonical form, or was not looked at.
    pub fn request(&self) -> Option<&CanonicalRequest> {
        self.request.as_ref()
    }

    async fn try_to_admit<B>(
        &mut self,
        head: &mut Parts,
        body: B,
        peer: &Peer,
        cache: &RefCell<TokenCache>,
    ) -> Result<Forward<'e, B>, Stopped>
    where
        B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
    {
        let engine = self.engine;
        let request = self.request.insert(canonical(head)?);
        let (admission, body) = match engine.gate.admit(request, &head.headers, cache).await? {
            Decision::Admitted(admission) => (admission, VerifiedBody::Unread(body)),
            Decision::Unsigned(unsigned) => {
                self.route = Some(unsigned.route());
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
        };
        engine.gate.prepare(&admission, request, &mut head.headers, peer)?;
        let answer = AnswerToSign::begin(&admission, &engine.bodies)?;
        self.admitted(&admission);
        Ok(Forward { admission, body, answer })
    }

    fn admitted(&mut self, admission: &Admission<'e>) {
        self.route = Some(admission.route());
        if !self.span.is_disabled() {
            let issuer = admission.token().map(VerifiedToken::issuer);
            self.span.record("route", admission.route().label());
            self.span.record("issuer", self.engine.gate.issuer_label(issuer));
        }
    }

    fn deny(&self, denial: &Denial) -> Box<Refusal> {
        let Engine { gate, denials, .. } = self.engine;
        let (refusal, denial_id) = denials.refuse(denial, self.is_grpc);
        let denial_id = denial_id.map(|id| id.to_string());
        let _entered = self.span.enter();
        gate.record(denial, self.request.as_ref(), denial_id.as_deref());
        self.record_outcome(Outcome::Denied);
        Box::new(refusal)
    }

    /// A disabled span would look the field up all the same.
    fn record_outcome(&self, outcome: Outcome) {
        if !self.span.is_disabled() {
            self.span.record("outcome", outcome.name());
        }
    }
}

impl From<Denial> for Stopped {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

fn canonical(head: &Parts) -> Result<CanonicalRequest, Denial> {
    let canonical = CanonicalRequest::new(&head.method, &head.uri, head.version, &head.headers);
    canonical.map_err(|refused| {
        tracing::debug!(%refused, "no canonical form");
        Denial::new(match refused {
            NotCanonical::MethodRefused => Reason::MethodNotSupported,
            _ => Reason::RequestNotCanonical,
        })
    })
}
