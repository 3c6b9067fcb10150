//! What requests of a route may take. What the route does not say comes from its upstream, and what
//! that does not say from `[defaults]`.

use std::time::Duration;

use crate::config::{
    node::Node,
    reader::{Parsed, Section},
    values::{count, duration, keyword, size},
    writer::{Writer, Written},
};

pub(crate) mod key {
    pub(crate) const RESPONSE_TIMEOUT: &str = "response_timeout";
    pub(crate) const STREAM_TIMEOUT: &str = "stream_timeout";
    pub(crate) const MAX_BODY: &str = "max_body";
    pub(crate) const BODY: &str = "body";
    pub(crate) const CONCURRENCY: &str = "concurrency";
}

/// What one of the three places says; `None`: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExchangeLimitSettings {
    /// From the request's last byte to the answer's header block.
    pub response_timeout: Option<Duration>,
    /// How long an answer's body, a gRPC stream or a tunnel may be silent.
    pub stream_timeout: Option<Duration>,
    /// The largest body of a request without a signature, in bytes.
    pub max_body: Option<Bound>,
    /// When such a body is sent on.
    pub body: Option<BodyHandling>,
    /// Requests of one route that may be in progress at once.
    pub concurrency: Option<Bound>,
}

/// What holds for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeLimits {
    /// As [`ExchangeLimitSettings::response_timeout`].
    pub response_timeout: Duration,
    /// As [`ExchangeLimitSettings::stream_timeout`].
    pub stream_timeout: Duration,
    /// As [`ExchangeLimitSettings::max_body`].
    pub max_body: Bound,
    /// As [`ExchangeLimitSettings::body`].
    pub body: BodyHandling,
    /// As [`ExchangeLimitSettings::concurrency`].
    pub concurrency: Bound,
}

/// A number that something may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Any: `"none"`.
    Unbounded,
    /// At most so many.
    AtMost(usize),
}

/// When a request's body is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyHandling {
    /// As it comes.
    Stream,
    /// Once all of it is here.
    Buffer,
}

/// Below this no answer over a network comes.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// Long reports exist; longer silence is a hang.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);
/// What most peers give an upstream to begin its answer.
const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Streams of events are quiet for minutes; a peer that is gone is quiet for ever.
const DEFAULT_STREAM_TIMEOUT: Duration = Duration::from_mins(5);
/// Beyond this an upload takes days.
const MAX_MAX_BODY: usize = 1 << 40;
/// Each is a connection to the upstream, or a stream of one.
const MAX_CONCURRENCY: usize = 1_000_000;

/// How a bound is switched off that another place sets.
const UNBOUNDED: &str = "none";

const BODIES: &[(&str, BodyHandling)] =
    &[("stream", BodyHandling::Stream), ("buffer", BodyHandling::Buffer)];

impl Default for ExchangeLimits {
    fn default() -> Self {
        Self {
            response_timeout: DEFAULT_RESPONSE_TIMEOUT,
            stream_timeout: DEFAULT_STREAM_TIMEOUT,
            max_body: Bound::Unbounded,
            body: BodyHandling::Stream,
            concurrency: Bound::Unbounded,
        }
    }
}

impl ExchangeLimitSettings {
    /// Reads its keys of a section.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let timeout = || duration(MIN_TIMEOUT..=MAX_TIMEOUT);
        let max_body = bound(size(0..=MAX_MAX_BODY));
        let concurrency = bound(count(1..=MAX_CONCURRENCY));
        Self {
            response_timeout: section.optional(key::RESPONSE_TIMEOUT, timeout()),
            stream_timeout: section.optional(key::STREAM_TIMEOUT, timeout()),
            max_body: section.optional(key::MAX_BODY, max_body),
            body: section.optional(key::BODY, keyword(BODIES)),
            concurrency: section.optional(key::CONCURRENCY, concurrency),
        }
    }

    /// What holds where `below` holds for everything that these do not say.
    pub fn over(&self, below: &ExchangeLimits) -> ExchangeLimits {
        ExchangeLimits {
            response_timeout: self.response_timeout.unwrap_or(below.response_timeout),
            stream_timeout: self.stream_timeout.unwrap_or(below.stream_timeout),
            max_body: self.max_body.unwrap_or(below.max_body),
            body: self.body.unwrap_or(below.body),
            concurrency: self.concurrency.unwrap_or(below.concurrency),
        }
    }

    /// Bodies that have to be signed are held, within limits of their own.
    pub(super) fn check_signed(&self, section: &Section<'_>) {
        let said = [(key::MAX_BODY, self.max_body.is_some()), (key::BODY, self.body.is_some())];
        for (name, _) in said.iter().filter(|(_, is_said)| *is_said) {
            let message = "has no effect with a signature, for which bodies are held up to \
                           server.limits.body_bytes; expected it to be absent";
            section.mistake(name, message.to_owned());
        }
    }

    /// Writes its keys of a section.
    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let optional = |writer: Writer, key, span: Option<Duration>| match span {
            Some(span) => writer.duration(key, span),
            None => writer,
        };
        let writer = optional(writer, key::RESPONSE_TIMEOUT, self.response_timeout);
        let writer = optional(writer, key::STREAM_TIMEOUT, self.stream_timeout);
        let writer = match self.body {
            Some(body) => writer.keyword(key::BODY, BODIES, &body),
            None => writer,
        };
        let writer = match self.max_body {
            Some(Bound::AtMost(bytes)) => writer.size(key::MAX_BODY, bytes),
            Some(Bound::Unbounded) => writer.text(key::MAX_BODY, UNBOUNDED),
            None => writer,
        };
        match self.concurrency {
            Some(Bound::AtMost(requests)) => writer.count(key::CONCURRENCY, requests),
            Some(Bound::Unbounded) => writer.text(key::CONCURRENCY, UNBOUNDED),
            None => writer,
        }
    }
}

impl ExchangeLimits {
    /// Reads `[defaults]`.
    pub(crate) fn read_defaults(section: &mut Section<'_>) -> Self {
        ExchangeLimitSettings::read(section).over(&Self::default())
    }

    /// Writes `[defaults]`.
    pub(crate) fn write_defaults(&self) -> Written {
        self.write(Writer::default()).table()
    }

    /// Writes all of its keys of a section.
    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let all = ExchangeLimitSettings {
            response_timeout: Some(self.response_timeout),
            stream_timeout: Some(self.stream_timeout),
            max_body: Some(self.max_body),
            body: Some(self.body),
            concurrency: Some(self.concurrency),
        };
        all.write(writer)
    }
}

impl Bound {
    /// The number, if there is a bound.
    pub fn most(self) -> Option<usize> {
        match self {
            Self::Unbounded => None,
            Self::AtMost(most) => Some(most),
        }
    }
}

/// What `number` reads, or `"none"`.
fn bound(number: impl Fn(&Node) -> Parsed<usize>) -> impl Fn(&Node) -> Parsed<Bound> {
    move |node| match node.as_text() {
        Some(UNBOUNDED) => Ok(Bound::Unbounded),
        _ => number(node).map(Bound::AtMost).map_err(|message| format!("{message}, or \"none\"")),
    }
}
