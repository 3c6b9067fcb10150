//! The line of a request.

use std::{borrow::Cow, fmt::Display, rc::Rc};

use http::Version;

use super::{EndpointName, RequestEnd, RequestRecord};
use crate::{
    decision::{Engine, Outcome},
    gate::Denial,
    policy::CanonicalRequest,
    reason::{Excerpt, Subject},
    telemetry::{
        line::{AccessLine, FieldValue},
        settings::AccessField,
    },
    token::TokenGlance,
};

/// How an answer ended that its client did not take.
const CLIENT_GONE: &str = "client_gone";

/// What a line is made of.
pub(super) struct Report<'r> {
    record: &'r RequestRecord,
    engine: &'r Engine,
    token: Option<TokenGlance>,
    endpoint: Option<Rc<EndpointName>>,
}

impl<'r> Report<'r> {
    pub(super) fn new(record: &'r RequestRecord, engine: &'r Engine) -> Self {
        let token = record.caller().map(|caller| TokenGlance::of(&caller));
        let token = token.or_else(|| record.glance.get().map(|glance| TokenGlance::clone(glance)));
        Self { record, engine, token, endpoint: record.endpoint() }
    }

    pub(super) fn line(&self) -> AccessLine<'_> {
        let fields = self.engine.access.fields().iter();
        let known = fields.filter_map(|field| Some((*field, self.value(*field)?)));
        AccessLine { message: self.message(), fields: known.collect() }
    }

    /// Everything that is known, but for the time.
    pub(super) fn facts(&self) -> Vec<(AccessField, FieldValue<'_>)> {
        let fields = AccessField::all().filter(|field| *field != AccessField::Time);
        fields.filter_map(|field| Some((field, self.value(field)?))).collect()
    }

    fn message(&self) -> &'static str {
        match self.record.outcome.get() {
            Some(Outcome::Denied) => "denied",
            Some(Outcome::Failed) => "failed",
            Some(Outcome::Aborted) => "aborted",
            None if self.is_unanswered() => "aborted",
            Some(Outcome::Forwarded | Outcome::Preflight | Outcome::Redirected) | None => "request",
        }
    }

    fn value(&self, field: AccessField) -> Option<FieldValue<'_>> {
        self.of_refusal(field)
            .or_else(|| self.of_token(field))
            .or_else(|| self.of_request(field))
            .or_else(|| self.of_answer(field))
    }

    fn of_refusal(&self, field: AccessField) -> Option<FieldValue<'_>> {
        let denial = self.record.denial()?;
        let subject = denial.subject();
        match field {
            AccessField::Reason => Some(text(denial.reason().code())),
            AccessField::About => subject.map(|subject| owned(subject.about())),
            AccessField::Found => subject.and_then(Subject::found_value).map(excerpt),
            AccessField::Expected => subject.and_then(Subject::expected_value).map(excerpt),
            AccessField::Setting => subject.and_then(Subject::deciding_setting).map(text),
            AccessField::Hint => denial.reason().hint().map(text),
            _ => None,
        }
    }

    fn of_token(&self, field: AccessField) -> Option<FieldValue<'_>> {
        if field == AccessField::Issuer {
            let issuer = self.record.caller().map(|caller| caller.issuer());
            let issuer = issuer.or_else(|| self.record.denial().and_then(Denial::issuer))?;
            return Some(text(self.engine.gate.issuer_label(Some(issuer))));
        }
        let token = self.token.as_ref()?;
        match field {
            AccessField::Subject => {
                let name = self.engine.access.subjects.name(token.subject.as_deref()?);
                name.map(FieldValue::Text)
            }
            AccessField::ClientId => token.client_id.as_deref().map(text),
            AccessField::Kid => token.kid.as_deref().map(text),
            AccessField::Token => {
                Some(text(if token.is_verified { "verified" } else { "unverified" }))
            }
            _ => None,
        }
    }

    fn of_request(&self, field: AccessField) -> Option<FieldValue<'_>> {
        let record = self.record;
        match field {
            AccessField::Time => Some(text("")),
            AccessField::Id => Some(shown(record.id())),
            AccessField::TraceId => record.trace().map(|trace| owned(trace.trace_id_text())),
            AccessField::Client => record.client.map(shown),
            AccessField::Listener => {
                record.listener.map(|id| text(self.engine.access.listener(id)))
            }
            AccessField::Route => Some(text(self.engine.gate.route_label(record.route.get()))),
            AccessField::ReceivedBytes => Some(FieldValue::Number(record.received_bytes.get())),
            AccessField::Method => self.request().map(|it| text(it.method().as_str())),
            AccessField::Host => self.request().map(|it| text(it.authority())),
            AccessField::Path => self.request().map(|it| text(it.path())),
            AccessField::Protocol => self.request().map(|it| text(protocol(it.version()))),
            _ => None,
        }
    }

    fn of_answer(&self, field: AccessField) -> Option<FieldValue<'_>> {
        let record = self.record;
        match field {
            AccessField::Status => {
                record.status.get().map(|status| FieldValue::Number(status.as_u16().into()))
            }
            AccessField::End => match record.end.get() {
                RequestEnd::Complete if self.is_unanswered() => Some(text(CLIENT_GONE)),
                RequestEnd::Complete => None,
                RequestEnd::ClientGone => Some(text(CLIENT_GONE)),
                RequestEnd::AnswerBroken => Some(text("answer_broken")),
                RequestEnd::Stopped => Some(text("stopped")),
            },
            AccessField::Upstream => self.endpoint.as_ref().map(|it| text(&it.upstream)),
            AccessField::Endpoint => self.endpoint.as_ref().map(|it| text(&it.address)),
            AccessField::Attempts => {
                self.endpoint.as_ref().map(|_| FieldValue::Number(record.attempts.get().into()))
            }
            AccessField::SentBytes => Some(FieldValue::Number(record.sent_bytes.get())),
            AccessField::DecisionSeconds => {
                record.times.decision(record.began).map(FieldValue::Seconds)
            }
            AccessField::UpstreamSeconds => record.times.upstream().map(FieldValue::Seconds),
            AccessField::DurationSeconds => {
                Some(FieldValue::Seconds(record.times.total(record.began)))
            }
            _ => None,
        }
    }

    /// Its client went away before there was an answer.
    fn is_unanswered(&self) -> bool {
        self.record.outcome.get().is_none() && self.record.status.get().is_none()
    }

    fn request(&self) -> Option<&CanonicalRequest> {
        self.record.details.get().and_then(|details| details.request.as_ref())
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

fn text(text: &str) -> FieldValue<'_> {
    FieldValue::Text(Cow::Borrowed(text))
}

fn excerpt(excerpt: &Excerpt) -> FieldValue<'_> {
    text(excerpt.as_str())
}

fn owned(text: String) -> FieldValue<'static> {
    FieldValue::Text(Cow::Owned(text))
}

fn shown(value: impl Display) -> FieldValue<'static> {
    owned(value.to_string())
}
