//! The line of a request, in each format. Whatever a value is, a line is one line of printable
//! ASCII: what a terminal obeys, or what would end a value, is escaped (threats O-1).

mod common;
mod escape;
mod json;
mod logfmt;
mod text;

use std::{borrow::Cow, time::Duration};

use super::settings::{AccessField, LogFormat};
use crate::clock::LineTime;

pub(super) use self::{escape::push_escaped, logfmt::push_pair};

/// What every line of a request is logged under, for `log.level`.
pub(crate) const ACCESS_TARGET: &str = "countersign::access";

/// The line of a request.
#[derive(Debug)]
pub(crate) struct AccessLine<'v> {
    /// What happened, in one word.
    pub(crate) message: &'static str,
    /// In their order; what is not known is not there.
    pub(crate) fields: Vec<(AccessField, FieldValue<'v>)>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldValue<'v> {
    Text(Cow<'v, str>),
    Number(u64),
    Seconds(Duration),
}

/// The most of a value, in bytes before it is escaped: a path of that length names its endpoint.
const MAX_VALUE_BYTES: usize = 512;

impl AccessLine<'_> {
    /// The line, without a line break. As text it has no time: all lines of that format get theirs
    /// where they are written.
    pub(crate) fn write(&self, format: LogFormat, now: LineTime) -> String {
        match format {
            LogFormat::Text => text::write(self),
            LogFormat::Json => json::write(self, now),
            LogFormat::Logfmt => logfmt::write(self, now),
            LogFormat::Common => common::write(self, now),
        }
    }

    fn get(&self, wanted: AccessField) -> Option<&FieldValue<'_>> {
        self.fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| value)
    }
}

impl FieldValue<'_> {
    /// A number as it is, seconds with their microseconds; `None`: a text.
    fn number(&self) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Seconds(span) => Some(format!("{}.{:06}", span.as_secs(), span.subsec_micros())),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => super::cut(text, MAX_VALUE_BYTES),
            Self::Number(_) | Self::Seconds(_) => "",
        }
    }
}

#[cfg(test)]
mod tests;
