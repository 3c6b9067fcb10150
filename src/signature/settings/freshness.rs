//! `[signatures.NAME.freshness]` and `.replay`: how old a signed message may be, and whether it
//! may come twice.

use std::time::Duration;

use crate::{
    config::{
        node::{Node, only_member},
        reader::{Parsed, Section},
        values::{count, duration, parsed, text},
        writer::{Writer, Written},
    },
    json::JsonPointer,
    reason::{Fault, Part, Subject},
    signature::settings::{key, profile::Defaults},
};

/// Where a field is in a signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageField {
    /// A parameter of the signature's header.
    Parameter(String),
    /// A place in the JSON of the body.
    Body(JsonPointer),
}

impl MessageField {
    /// What is said of the field where a message is refused.
    pub(in crate::signature) fn subject(&self, fault: Fault) -> Subject {
        match self {
            Self::Parameter(name) => Subject::parameter(name, fault),
            Self::Body(place) => Subject::new(Part::Field, fault).named(place.as_str()),
        }
    }
}

/// `[signatures.NAME.freshness]`
#[derive(Debug, Clone)]
pub struct FreshnessSettings {
    /// When the message was signed.
    pub issued: Option<MessageField>,
    /// How long ago that may be.
    pub max_age: Duration,
    /// When it ends.
    pub expires: Option<MessageField>,
    /// Tolerance for both.
    pub clock_skew: Duration,
}

/// `[signatures.NAME.replay]`
#[derive(Debug, Clone)]
pub struct ReplaySettings {
    /// What no two messages of a signer have in common.
    pub id: MessageField,
    /// How long an id is kept.
    pub window: Duration,
    /// The most ids kept at the same time.
    pub entries: usize,
}

/// What Open Banking and most webhooks grant.
const DEFAULT_MAX_AGE: Duration = Duration::from_mins(5);
const MIN_MAX_AGE: Duration = Duration::from_secs(1);
/// An older message is refused in any case.
const MAX_MAX_AGE: Duration = Duration::from_hours(7 * 24);
/// As for tokens.
const DEFAULT_CLOCK_SKEW: Duration = Duration::from_mins(1);
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Longer than messages are fresh by default, with the skew on both sides.
const DEFAULT_WINDOW: Duration = Duration::from_mins(10);
/// Some 100 bytes each, and a replica that takes 160 messages a second.
const DEFAULT_ENTRIES: usize = 100_000;
const MAX_ENTRIES: usize = 10_000_000;

const EXPECTED_FIELD: &str = "{ header = \"iat\" } or { body = \"/metadata/timestamp\" }";

impl MessageField {
    /// The header parameter, if it is one.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) => Some(name),
            Self::Body(_) => None,
        }
    }

    fn read(node: &Node) -> Parsed<Self> {
        match only_member(node, EXPECTED_FIELD)? {
            (key::HEADER, name) => text(name).map(Self::Parameter),
            (key::BODY, place) => {
                let expected = "a JSON pointer such as \"/metadata/requestId\"";
                parsed(expected, JsonPointer::parse)(place).map(Self::Body)
            }
            _ => Err(node.mismatch(EXPECTED_FIELD)),
        }
    }

    fn write(&self) -> Written {
        match self {
            Self::Parameter(name) => Writer::default().text(key::HEADER, name),
            Self::Body(place) => Writer::default().text(key::BODY, place.as_str()),
        }
        .table()
    }
}

impl FreshnessSettings {
    /// `None` where there is no such table and the profile has none.
    pub(super) fn read(section: &mut Section<'_>, defaults: &Defaults) -> Option<Self> {
        let issued = defaults.issued().map(|name| MessageField::Parameter(name.to_owned()));
        if !section.is_present() && issued.is_none() {
            return None;
        }
        let settings = Self {
            issued: section.optional(key::ISSUED, MessageField::read).or(issued),
            max_age: section.or(key::MAX_AGE, DEFAULT_MAX_AGE, duration(MIN_MAX_AGE..=MAX_MAX_AGE)),
            expires: section.optional(key::EXPIRES, MessageField::read),
            clock_skew: section.or(
                key::CLOCK_SKEW,
                DEFAULT_CLOCK_SKEW,
                duration(Duration::ZERO..=MAX_CLOCK_SKEW),
            ),
        };
        if settings.issued.is_none() && settings.expires.is_none() {
            section.own_mistake(format!("expected issued or expires, such as {EXPECTED_FIELD}"));
        }
        Some(settings)
    }

    pub(super) fn write(&self) -> Written {
        Writer::default()
            .optional_value(key::ISSUED, self.issued.as_ref().map(MessageField::write))
            .duration(key::MAX_AGE, self.max_age)
            .optional_value(key::EXPIRES, self.expires.as_ref().map(MessageField::write))
            .duration(key::CLOCK_SKEW, self.clock_skew)
            .table()
    }

    /// How long one message may be accepted, if it has a signing time: from a clock that is behind
    /// to one that is ahead.
    pub(super) fn accepted_for(&self) -> Duration {
        self.max_age + self.clock_skew.saturating_mul(2)
    }

    /// Where it looks.
    pub fn fields(&self) -> impl Iterator<Item = &MessageField> {
        self.issued.iter().chain(&self.expires)
    }
}

impl ReplaySettings {
    /// `None` where there is no such table.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let window = duration(MIN_MAX_AGE..=MAX_MAX_AGE);
        let window = section.or(key::WINDOW, DEFAULT_WINDOW, window);
        let entries = section.or(key::ENTRIES, DEFAULT_ENTRIES, count(1..=MAX_ENTRIES));
        let id = section.required(key::ID, EXPECTED_FIELD, MessageField::read);
        Some(Self { window, entries, id: id? })
    }

    pub(super) fn write(&self) -> Written {
        Writer::default()
            .value(key::ID, self.id.write())
            .duration(key::WINDOW, self.window)
            .count(key::ENTRIES, self.entries)
            .table()
    }
}
