//! `set_headers`, `add_headers` and `response_headers`, of a route or of `[headers]` for all.

use http::{HeaderName, HeaderValue};

use crate::{
    config::{
        reader::Section,
        values::{header_name, header_named, header_value},
        writer::{Writer, Written},
    },
    identity::{HeaderUse, are_one_header, check_header_name},
    policy::settings::key,
};

/// A header and its value.
pub type HeaderLine = (HeaderName, HeaderValue);

/// Headers with values that are written in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderSettings {
    /// Set in requests, in place of what the client sends.
    pub set: Vec<HeaderLine>,
    /// Added to requests, beside what the client sends.
    pub add: Vec<HeaderLine>,
    /// Removed from answers of the service.
    pub answer_remove: Vec<HeaderName>,
    /// Set in answers.
    pub answer_set: Vec<HeaderLine>,
}

/// More than a service looks at; each costs every request of the route.
const MAX_LINES: usize = 32;
/// The text of a whole policy, as `Content-Security-Policy` has it.
const MAX_VALUE_BYTES: usize = 4096;

impl HeaderSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let set = section.section(key::SET_HEADERS, |it| lines(it, HeaderUse::FixedRequest));
        let add = section.section(key::ADD_HEADERS, |it| lines(it, HeaderUse::FixedRequest));
        for (name, _) in add.iter().filter(|(name, _)| has(&set, name)) {
            let message = format!("{name} is in set_headers as well; expected one of them only");
            section.mistake(key::ADD_HEADERS, message);
        }
        let (answer_remove, answer_set) = section.section(key::RESPONSE_HEADERS, read_answer);
        Self { set, add, answer_remove, answer_set }
    }

    /// `None` where nothing of it is configured.
    pub(crate) fn write_table(&self) -> Option<Written> {
        (*self != Self::default()).then(|| self.write(Writer::default()).table())
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let answer = Writer::default()
            .list(key::REMOVE, &self.answer_remove)
            .optional_members(key::SET, written(&self.answer_set));
        let has_answer = !(self.answer_remove.is_empty() && self.answer_set.is_empty());
        writer
            .optional_members(key::SET_HEADERS, written(&self.set))
            .optional_members(key::ADD_HEADERS, written(&self.add))
            .optional_value(key::RESPONSE_HEADERS, has_answer.then(|| answer.table()))
    }
}

fn read_answer(section: &mut Section<'_>) -> (Vec<HeaderName>, Vec<HeaderLine>) {
    let expected = "a list of headers such as [\"server\"]";
    let remove = section.list(key::REMOVE, expected, |node| {
        let name = header_name(node)?;
        checked(&name, HeaderUse::RemovedAnswer)?;
        Ok(name)
    });
    let remove = remove.unwrap_or_default();
    let set = section.section(key::SET, |it| lines(it, HeaderUse::FixedAnswer));
    for name in remove.iter().filter(|name| has(&set, name)) {
        let message = format!("{name} is set as well; expected one of them only");
        section.mistake(key::REMOVE, message);
    }
    (remove, set)
}

fn lines(section: &mut Section<'_>, of: HeaderUse) -> Vec<HeaderLine> {
    let lines = section.each_member(|name, node| {
        let name = header_named(name)?;
        checked(&name, of)?;
        Ok((name, header_value(MAX_VALUE_BYTES)(node)?))
    });
    if lines.len() > MAX_LINES {
        section.own_mistake(format!("expected at most {MAX_LINES} headers"));
    }
    for (at, (name, _)) in lines.iter().enumerate() {
        if has(lines.get(..at).unwrap_or_default(), name) {
            section.own_mistake(format!("sets {name} twice, or what a service may take for it"));
        }
    }
    lines
}

fn checked(name: &HeaderName, of: HeaderUse) -> Result<(), String> {
    check_header_name(name, of).map_err(|reason| format!("{name} can't be named here: {reason}"))
}

fn has(lines: &[HeaderLine], name: &HeaderName) -> bool {
    lines.iter().any(|(other, _)| are_one_header(other, name))
}

fn written(lines: &[HeaderLine]) -> impl Iterator<Item = (String, Written)> {
    // Values are ASCII where they are read.
    lines.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()))
}
