//! What a route lets pass of a path that is refused, or rewritten, by default.

use crate::{
    config::{reader::Section, values::keyword, writer::Writer},
    policy::settings::key,
};

/// How a route takes paths that have more than one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathSettings {
    /// `%2F` within a segment.
    pub encoded_slash: EscapeRule,
    /// `//`.
    pub empty_segments: EmptySegments,
    /// `%5C`, escapes of control characters, escapes of bytes that are no UTF-8, and what is
    /// escaped twice.
    pub escapes: EscapeRule,
    /// Characters beyond ASCII that are not escaped, in path and query.
    pub raw_utf8: RawUtf8,
}

/// What happens to a request with such an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EscapeRule {
    /// 400.
    #[default]
    Refuse,
    /// The path is forwarded byte for byte, if all its readings lead to the route.
    Keep,
}

/// What happens to a request whose path has empty segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptySegments {
    /// `/a//b` is forwarded as `/a/b`.
    #[default]
    Merge,
    /// The path is forwarded byte for byte, if all its readings lead to the route.
    Keep,
    /// 400.
    Refuse,
}

/// What happens to a request with raw characters beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RawUtf8 {
    /// 400.
    #[default]
    Refuse,
    /// They are percent-encoded, once (RFC 3987 §3.1).
    Encode,
}

const ESCAPES: &[(&str, EscapeRule)] =
    &[("refuse", EscapeRule::Refuse), ("keep", EscapeRule::Keep)];
const EMPTY_SEGMENTS: &[(&str, EmptySegments)] = &[
    ("merge", EmptySegments::Merge),
    ("keep", EmptySegments::Keep),
    ("refuse", EmptySegments::Refuse),
];
const RAW_UTF8: &[(&str, RawUtf8)] = &[("refuse", RawUtf8::Refuse), ("encode", RawUtf8::Encode)];

impl PathSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let Self { encoded_slash, empty_segments, escapes, raw_utf8 } = Self::default();
        Self {
            encoded_slash: section.or(key::ENCODED_SLASH, encoded_slash, keyword(ESCAPES)),
            empty_segments: section.or(
                key::EMPTY_SEGMENTS,
                empty_segments,
                keyword(EMPTY_SEGMENTS),
            ),
            escapes: section.or(key::ESCAPES, escapes, keyword(ESCAPES)),
            raw_utf8: section.or(key::RAW_UTF8, raw_utf8, keyword(RAW_UTF8)),
        }
    }

    pub(super) fn write(self, writer: Writer) -> Writer {
        writer
            .keyword(key::ENCODED_SLASH, ESCAPES, &self.encoded_slash)
            .keyword(key::EMPTY_SEGMENTS, EMPTY_SEGMENTS, &self.empty_segments)
            .keyword(key::ESCAPES, ESCAPES, &self.escapes)
            .keyword(key::RAW_UTF8, RAW_UTF8, &self.raw_utf8)
    }
}
