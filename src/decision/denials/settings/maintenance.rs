//! `maintenance` of an upstream: what is answered in its place.

use std::time::Duration;

use http::HeaderValue;

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::duration,
    writer::Writer,
};

use super::profile::content_type;

pub(crate) mod key {
    pub(crate) const MAINTENANCE: &str = "maintenance";
    pub(crate) const TEXT: &str = "text";
    pub(crate) const CONTENT_TYPE: &str = "content_type";
    pub(crate) const RETRY_AFTER: &str = "retry_after";
}

/// The answer to every request for an upstream that is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceSettings {
    /// The body.
    pub text: String,
    /// Its type.
    pub content_type: HeaderValue,
    /// When a client may try again.
    pub retry_after: Duration,
}

const DEFAULT_CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Often enough to notice the end of it.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_mins(1);
/// It is sent in whole seconds.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24 * 7);
/// A response to any client: a page with a few words.
const MAX_TEXT_BYTES: usize = 16 * 1024;

const EXPECTED: &str = "a text such as \"back at 6 pm\", or a table with text, content_type and \
                        retry_after";

impl MaintenanceSettings {
    /// Reads the setting of an upstream; `None`: it is in use.
    pub(crate) fn read(upstream: &mut Section<'_>) -> Option<Self> {
        match upstream.peek(key::MAINTENANCE).map(|node| &node.value) {
            Some(Value::Table(_)) => upstream.section(key::MAINTENANCE, Self::read_table),
            Some(Value::Text(_)) => upstream.optional(key::MAINTENANCE, text).map(|text| Self {
                text,
                content_type: DEFAULT_CONTENT_TYPE,
                retry_after: DEFAULT_RETRY_AFTER,
            }),
            _ => upstream.optional(key::MAINTENANCE, |node| Err(node.mismatch(EXPECTED))),
        }
    }

    fn read_table(section: &mut Section<'_>) -> Option<Self> {
        let within = MIN_RETRY_AFTER..=MAX_RETRY_AFTER;
        Some(Self {
            content_type: section.or(key::CONTENT_TYPE, DEFAULT_CONTENT_TYPE, content_type),
            retry_after: section.or(key::RETRY_AFTER, DEFAULT_RETRY_AFTER, duration(within)),
            text: section.required(key::TEXT, "the body of the answer", text)?,
        })
    }

    /// Writes the setting of an upstream.
    pub(crate) fn write(settings: Option<&Self>, upstream: Writer) -> Writer {
        let Some(Self { text, content_type, retry_after }) = settings else { return upstream };
        let table = Writer::default()
            .text(key::TEXT, text)
            // ASCII where it is read.
            .optional(key::CONTENT_TYPE, content_type.to_str().ok())
            .duration(key::RETRY_AFTER, *retry_after);
        upstream.value(key::MAINTENANCE, table.table())
    }
}

fn text(node: &Node) -> Parsed<String> {
    let is_plain = |char: char| !char.is_control() || char == '\n' || char == '\t';
    let found = node.as_text().filter(|text| {
        !text.is_empty() && text.len() <= MAX_TEXT_BYTES && text.chars().all(is_plain)
    });
    found.map(str::to_owned).ok_or_else(|| {
        node.mismatch(&format!("a text of 1 to {MAX_TEXT_BYTES} bytes without control characters"))
    })
}
