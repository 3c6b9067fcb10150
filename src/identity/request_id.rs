//! The id of a request: in its log line, towards the upstream, and in answers of our own.

mod generator;
pub mod settings;

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Builder, fmt::Hyphenated};

use self::{
    generator::IdGenerator,
    settings::{AnswerIds, DEFAULT_HEADER, RequestIdSettings, TraceTrust},
};
use super::{
    Forwarded, PeerAddress,
    trace_context::{TRACEPARENT, TRACESTATE, TraceContext},
};

/// The longest id that is accepted, in bytes: two traces' ids with words between them fit.
const MAX_ID_BYTES: usize = 128;

/// The id of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestId {
    /// Ours. As bytes, since a `u128` would be aligned to 16 of them.
    Made([u8; 16]),
    /// A trusted proxy's: letters, digits, dots, underscores and hyphens. Boxed, since most are ours.
    Accepted(Box<HeaderValue>),
}

/// Room for the text of an id.
#[derive(Debug)]
pub struct IdText([u8; Hyphenated::LENGTH]);

/// Gives the requests of one worker their ids.
#[derive(Debug)]
pub struct RequestIds {
    header: HeaderName,
    answers: AnswerIds,
    traces: TraceTrust,
    generator: IdGenerator,
}

/// What the headers of a request say of where it comes from.
#[derive(Debug)]
pub struct RequestProvenance {
    /// Its id.
    pub id: RequestId,
    /// The trace that it belongs to, as far as its sender is believed.
    pub trace: Option<Box<TraceContext>>,
    /// Whether there are trace headers that must not go on.
    drops_trace: bool,
}

impl RequestIds {
    /// Those of one worker: the name of the header is a copy of its own, since what all workers
    /// count references of is a cache line that they take from each other. The usual one is a
    /// constant, whose references are not counted.
    pub fn of_worker(settings: &RequestIdSettings) -> Self {
        let header = match &settings.header {
            usual if *usual == DEFAULT_HEADER => Ok(DEFAULT_HEADER),
            other => HeaderName::from_bytes(other.as_str().as_bytes()),
        };
        Self {
            header: header.unwrap_or_else(|_| settings.header.clone()),
            answers: settings.answers,
            traces: settings.traceparent,
            generator: IdGenerator::seeded(),
        }
    }

    /// Reads the headers of a request as they came. What a peer says that is not trusted is not
    /// its id, and no trace that decides whether something is sampled.
    pub fn read(
        &self,
        headers: &HeaderMap,
        peer: Option<&PeerAddress>,
        forwarded: &Forwarded,
    ) -> RequestProvenance {
        // Most requests have none of them: look-ups take longer than one pass over the names.
        let (mut has_id, mut has_trace) = (false, false);
        for name in headers.keys() {
            has_id |= *name == self.header;
            has_trace |= *name == TRACEPARENT || *name == TRACESTATE;
        }
        if !has_id && !has_trace {
            return RequestProvenance { id: self.fresh(), trace: None, drops_trace: false };
        }
        let is_trusted = forwarded.trusts_peer(peer);
        let accepted = if has_id && is_trusted { accepted(headers, &self.header) } else { None };
        let believes = is_trusted || self.traces == TraceTrust::Always;
        let trace = if has_trace && believes { TraceContext::read(headers) } else { None };
        RequestProvenance {
            id: accepted.map_or_else(|| self.fresh(), |id| RequestId::Accepted(Box::new(id))),
            drops_trace: has_trace && trace.is_none(),
            trace: trace.map(Box::new),
        }
    }

    /// The header that has the id.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Removes what the upstream does not receive so: a trace that is not believed, and any id,
    /// since the request's is sent beside these headers.
    pub fn clean(&self, of: &RequestProvenance, headers: &mut HeaderMap) {
        if headers.keys().any(|name| *name == self.header) {
            headers.remove(&self.header);
        }
        if of.drops_trace {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
        if of.trace.as_ref().is_some_and(|trace| !trace.keeps_state()) {
            headers.remove(TRACESTATE);
        }
    }

    /// Sets the id in an answer; `is_own`: in one of ours.
    pub fn stamp_answer(&self, id: &RequestId, headers: &mut HeaderMap, is_own: bool) {
        let is_wanted = match self.answers {
            AnswerIds::None => false,
            AnswerIds::Own => is_own,
            AnswerIds::All => true,
        };
        if is_wanted {
            headers.insert(&self.header, id.value());
        }
    }

    /// A random number below 1, for what is sampled.
    pub fn draw(&self) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "its low half")]
        let bits = self.generator.half() as u32;
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// A random number, for ids of traces.
    pub fn random(&self) -> u128 {
        self.generator.next()
    }

    fn fresh(&self) -> RequestId {
        RequestId::Made(self.generator.next().to_be_bytes())
    }
}

impl RequestId {
    /// The id as the value of a header.
    pub fn value(&self) -> HeaderValue {
        match self {
            Self::Accepted(value) => HeaderValue::clone(value),
            Self::Made(_) => {
                // Hexadecimal digits and hyphens are a value.
                HeaderValue::from_str(self.text(&mut IdText::default()))
                    .unwrap_or(HeaderValue::from_static("unknown"))
            }
        }
    }

    /// The id as text: one of ours is a random UUID (RFC 9562 §5.4), which is written to `place`.
    pub fn text<'t>(&'t self, place: &'t mut IdText) -> &'t str {
        match self {
            Self::Accepted(value) => value.to_str().unwrap_or_default(),
            Self::Made(bits) => {
                let id = Builder::from_random_bytes(*bits).into_uuid();
                id.hyphenated().encode_lower(&mut place.0)
            }
        }
    }
}

impl Default for IdText {
    fn default() -> Self {
        Self([0; Hyphenated::LENGTH])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut IdText::default()))
    }
}

/// The one id that there is, if it is short and plain.
fn accepted(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let bytes = value.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_id = (1..=MAX_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(is_plain);
    is_id.then(|| value.clone())
}

#[cfg(test)]
mod tests;
