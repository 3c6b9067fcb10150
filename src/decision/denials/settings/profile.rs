//! `[denials.profiles.NAME]`: an operator's own way of refusing.

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{check_name, header_named, header_value, keyword, status},
        writer::{Writer, Written},
    },
    decision::denials::settings::template::{BodyTemplate, Placeholder},
    identity::{HeaderUse, check_header_name},
    policy::denial_profile::{BUILT_IN, BuiltInProfile},
    reason::{ByClass, Class},
};

pub(crate) mod key {
    pub(crate) const BASED_ON: &str = "based_on";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const HEADERS: &str = "headers";
    pub(crate) const BODY: &str = "body";
    pub(crate) const CONTENT_TYPE: &str = "content_type";
}

/// `[denials.profiles.NAME]`: what differs from the profile that it is based on.
#[derive(Debug, Clone)]
pub struct OwnProfileSettings {
    /// What routes call it.
    pub name: String,
    /// The profile that all other settings are taken from.
    pub based_on: BuiltInProfile,
    /// What differs, by class.
    pub by_class: ByClass<OwnAnswerSettings>,
}

/// `[denials.profiles.NAME.CLASS]`: what differs for one class of refusals.
#[derive(Debug, Clone, Default)]
pub struct OwnAnswerSettings {
    /// The status, for every reason of the class.
    pub status: Option<StatusCode>,
    /// Further headers. `WWW-Authenticate` replaces the challenge.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<OwnBodySettings>,
}

/// The body of an operator's own answer.
#[derive(Debug, Clone)]
pub enum OwnBodySettings {
    /// `body = ""`
    Empty,
    /// `body` and `content_type`.
    Text {
        /// The body; it can contain the reason's code and subject, and nothing of the request.
        template: BodyTemplate,
        /// Its type.
        content_type: HeaderValue,
    },
}

/// The placeholders of an operator's body.
const PLACES: &[Placeholder] = &[Placeholder::Reason, Placeholder::Subject];
/// A response to any client: no larger than the headers of its request.
const MAX_BODY_BYTES: usize = 4096;
/// The most headers of a profile.
const MAX_HEADERS: usize = 16;
/// Header lines are for hints and links; most clients and proxies refuse 8 KiB in all.
const MAX_HEADER_BYTES: usize = 1024;

impl OwnProfileSettings {
    pub(super) fn read(name: &str, section: &mut Section<'_>) -> Self {
        if let Err(message) = check_name(name) {
            section.own_mistake(message);
        }
        if BUILT_IN.iter().any(|(known, _)| *known == name) {
            section.own_mistake("is the name of a built-in profile; expected another".to_owned());
        }
        Self {
            name: name.to_owned(),
            based_on: section.or(key::BASED_ON, BuiltInProfile::default(), keyword(BUILT_IN)),
            by_class: ByClass::from_fn(|class| {
                section.section(class.name(), |answer| OwnAnswerSettings::read(class, answer))
            }),
        }
    }

    pub(super) fn write(&self) -> Written {
        let mut writer = Writer::default().text(key::BASED_ON, self.based_on.name());
        for class in Class::ALL {
            let answer = self.by_class.of(*class);
            if answer.differs() {
                writer = writer.value(class.name(), answer.write());
            }
        }
        writer.table()
    }
}

impl OwnAnswerSettings {
    fn read(class: Class, section: &mut Section<'_>) -> Self {
        Self {
            status: section.optional(key::STATUS, refusal_status(class)),
            headers: section.section(key::HEADERS, headers),
            body: body(section),
        }
    }

    fn differs(&self) -> bool {
        self.status.is_some() || self.body.is_some() || !self.headers.is_empty()
    }

    fn write(&self) -> Written {
        let status = self.status.map(|status| i64::from(status.as_u16()).into());
        let writer = Writer::default().optional_value(key::STATUS, status);
        let writer = match &self.body {
            None => writer,
            Some(OwnBodySettings::Empty) => writer.text(key::BODY, ""),
            Some(OwnBodySettings::Text { template, content_type }) => {
                let content_type = header_text(content_type);
                writer.value(key::CONTENT_TYPE, content_type).text(key::BODY, template)
            }
        };
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), header_text(value)));
        writer.optional_members(key::HEADERS, headers).table()
    }
}

/// A refusal is an error (RFC 9110 §15.5, §15.6), and where we cannot decide it is ours.
fn refusal_status(class: Class) -> impl Fn(&Node) -> Parsed<StatusCode> {
    let (bounds, expected) = match class {
        Class::CannotDecide => {
            (500..=599, "a status from 500 to 599: not being able to decide is no client's fault")
        }
        Class::UpstreamFailed => {
            (500..=599, "a status from 500 to 599: what an upstream fails at is no client's fault")
        }
        _ => (400..=599, "a status from 400 to 599: a refusal is an error"),
    };
    status(move |code| bounds.contains(&code), expected)
}

fn headers(section: &mut Section<'_>) -> HeaderMap {
    let lines = section.each_member(|name, node| {
        let header = header_named(name)?;
        check_header_name(&header, HeaderUse::Answer)
            .map_err(|reason| format!("can't be a header of a refusal: {reason}"))?;
        Ok((header, header_value(MAX_HEADER_BYTES)(node)?))
    });
    if lines.len() > MAX_HEADERS {
        section.own_mistake(format!("expected at most {MAX_HEADERS} headers"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        if headers.contains_key(&name) {
            section.own_mistake(format!("sets {name} twice"));
        }
        headers.insert(name, value);
    }
    headers
}

/// Header values are ASCII where they are read.
fn header_text(value: &HeaderValue) -> Written {
    value.to_str().unwrap_or_default().into()
}

fn body(section: &mut Section<'_>) -> Option<OwnBodySettings> {
    let has_type = section.peek(key::CONTENT_TYPE).is_some();
    let body = section.optional(key::BODY, template);
    let is_text = body.as_ref().is_some_and(|template| !template.to_string().is_empty());
    if is_text {
        let expected = "the type of the body, such as \"application/json\"";
        let content_type = section.required(key::CONTENT_TYPE, expected, content_type)?;
        return Some(OwnBodySettings::Text { template: body?, content_type });
    }
    section.optional(key::CONTENT_TYPE, content_type);
    // A body that could not be read is one mistake, not two.
    if has_type && (body.is_some() || section.peek(key::BODY).is_none()) {
        section.mistake(key::CONTENT_TYPE, "has no effect without a body".to_owned());
    }
    body.map(|_| OwnBodySettings::Empty)
}

fn template(node: &Node) -> Parsed<BodyTemplate> {
    let text = node.as_text().ok_or_else(|| node.mismatch("a text"))?;
    let is_plain = |char: char| !char.is_control() || char == '\n' || char == '\t';
    if text.len() > MAX_BODY_BYTES || !text.chars().all(is_plain) {
        return Err(node.mismatch(&format!(
            "a text of at most {MAX_BODY_BYTES} bytes without control characters"
        )));
    }
    match BodyTemplate::unknown_place(text, PLACES) {
        Some(unknown) => Err(format!(
            "found {{{unknown}}}, which has no meaning here; expected no place but {{reason}}, \
             {{subject}}"
        )),
        None => Ok(BodyTemplate::new(text, PLACES)),
    }
}

/// A media type (RFC 9110 §8.3.1), its parameters unseen.
pub(super) fn content_type(node: &Node) -> Parsed<HeaderValue> {
    let value = header_value(MAX_HEADER_BYTES)(node)?;
    let token = |text: &str| {
        let allowed = |char: char| char.is_ascii_alphanumeric() || "!#$&^_.+-".contains(char);
        !text.is_empty() && text.chars().all(allowed)
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    match essence.trim_end().split_once('/') {
        Some((kind, subtype)) if token(kind) && token(subtype) => Ok(value),
        _ => Err(node.mismatch("a media type such as \"application/json\"")),
    }
}
