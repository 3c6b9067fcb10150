//! Spans that have ended, as plain data.

use std::borrow::Cow;

/// The id of a trace.
pub type TraceId = [u8; 16];

/// The id of a span in its trace.
pub type SpanId = [u8; 8];

/// The spans of one request: that of the request, and its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpans {
    /// The trace that they belong to.
    pub trace_id: TraceId,
    /// The request's own is the last.
    pub spans: Vec<Span>,
}

/// One operation of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its id.
    pub id: SpanId,
    /// The span that it is a part of; `None`: it is the root of its trace.
    pub parent: Option<SpanId>,
    /// What it is, in words that no client chooses.
    pub name: Cow<'static, str>,
    /// On which side of an exchange it is.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// Names as the semantic conventions have them.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// Whether it failed. A refusal is no failure (semantic conventions for HTTP, "Status").
    pub is_error: bool,
}

/// On which side of an exchange a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// It answers a request.
    Server,
    /// It is a request to another server.
    Client,
    /// Neither.
    Internal,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanValue {
    /// A text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl SpanValue {
    /// A number that may be larger than any attribute.
    pub fn number(number: impl TryInto<i64>) -> Self {
        Self::Number(number.try_into().unwrap_or(i64::MAX))
    }
}

impl From<String> for SpanValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&'static str> for SpanValue {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}
