//! `[request_id]`

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{header_name, keyword},
        writer::{Writer, Written},
    },
    identity::{HeaderUse, check_header_name},
};

pub(crate) mod key {
    pub(crate) const HEADER: &str = "header";
    pub(crate) const ANSWERS: &str = "answers";
    pub(crate) const TRACEPARENT: &str = "traceparent";
}

/// `[request_id]`
#[derive(Debug, Clone)]
pub struct RequestIdSettings {
    /// The header that carries it, in both directions.
    pub header: HeaderName,
    /// Which answers have it.
    pub answers: AnswerIds,
    /// Whose `traceparent` and `tracestate` go on.
    pub traceparent: TraceTrust,
}

/// Which answers have the request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerIds {
    /// None.
    None,
    /// Our own: refusals, redirects, documents.
    Own,
    /// The service's as well.
    All,
}

/// Whose trace headers go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceTrust {
    /// Those of trusted proxies. Of others they are removed: their flag would decide what the
    /// service samples.
    Trusted,
    /// Those of every peer.
    Always,
}

/// What nginx, Envoy and most frameworks read.
pub(super) const DEFAULT_HEADER: HeaderName = HeaderName::from_static("x-request-id");

const ANSWERS: &[(&str, AnswerIds)] =
    &[("none", AnswerIds::None), ("own", AnswerIds::Own), ("all", AnswerIds::All)];

const TRUST: &[(&str, TraceTrust)] =
    &[("trusted", TraceTrust::Trusted), ("always", TraceTrust::Always)];

impl Default for RequestIdSettings {
    fn default() -> Self {
        Self { header: DEFAULT_HEADER, answers: AnswerIds::Own, traceparent: TraceTrust::Trusted }
    }
}

impl RequestIdSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let usual = Self::default();
        Self {
            header: section.or(key::HEADER, usual.header, id_header),
            answers: section.or(key::ANSWERS, usual.answers, keyword(ANSWERS)),
            traceparent: section.or(key::TRACEPARENT, usual.traceparent, keyword(TRUST)),
        }
    }

    pub(crate) fn write(&self) -> Written {
        Writer::default()
            .text(key::HEADER, &self.header)
            .keyword(key::ANSWERS, ANSWERS, &self.answers)
            .keyword(key::TRACEPARENT, TRUST, &self.traceparent)
            .table()
    }
}

/// A header that means nothing else, in requests as in answers.
fn id_header(node: &Node) -> Parsed<HeaderName> {
    let name = header_name(node)?;
    for of in [HeaderUse::FixedRequest, HeaderUse::FixedAnswer] {
        check_header_name(&name, of).map_err(|problem| {
            format!("found {:?}: {problem}; expected a header for ids only", name.as_str())
        })?;
    }
    if matches!(name.as_str(), "traceparent" | "tracestate") {
        return Err(node.mismatch("a header for ids only; traces have headers of their own"));
    }
    Ok(name)
}
