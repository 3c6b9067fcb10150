//! Bodies with places for what is known only when a refusal is answered.

use std::{borrow::Cow, fmt};

/// A body: text, and places to be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyTemplate {
    text: String,
    pieces: Vec<TemplatePiece>,
}

/// What a place is filled with. None of it is the client's: constants, numbers, the time, a random
/// id, words of the configuration. Nothing of a request has a placeholder (threats O-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `{reason}`: the reason's code.
    Reason,
    /// `{subject}`: what the reason is about, without anything that the client has chosen.
    Subject,
    /// `{text}`: the reason in one sentence.
    Text,
    /// `{status}`: the status as a number.
    Status,
    /// `{title}`: the status in words.
    Title,
    /// `{denial_id}`: the request's id, which is in the log as well.
    DenialId,
    /// `{timestamp}`: when it was answered.
    Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Placeholder(Placeholder),
}

/// A part of a text, as it is written.
enum TextPart<'t> {
    Text(&'t str),
    Name(&'t str),
}

impl Placeholder {
    /// Every place.
    pub const ALL: &[Self] = &[
        Self::Reason,
        Self::Subject,
        Self::Text,
        Self::Status,
        Self::Title,
        Self::DenialId,
        Self::Timestamp,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Status => "status",
            Self::Title => "title",
            Self::DenialId => "denial_id",
            Self::Timestamp => "timestamp",
        }
    }
}

impl BodyTemplate {
    /// A body in which these places are filled. What else looks like one stays as it is.
    pub fn new(text: &str, places: &[Placeholder]) -> Self {
        let place = |name: &str| places.iter().copied().find(|place| place.name() == name);
        let pieces = parts(text).into_iter().map(|part| match part {
            TextPart::Text(text) => TemplatePiece::Text(text.to_owned()),
            TextPart::Name(name) => match place(name) {
                Some(place) => TemplatePiece::Placeholder(place),
                None => TemplatePiece::Text(format!("{{{name}}}")),
            },
        });
        Self { text: text.to_owned(), pieces: pieces.collect() }
    }

    /// The first thing in a text that looks like a place and is none of these.
    pub(super) fn unknown_place<'t>(text: &'t str, places: &[Placeholder]) -> Option<&'t str> {
        parts(text).into_iter().find_map(|part| match part {
            TextPart::Name(name) if places.iter().all(|place| place.name() != name) => Some(name),
            _ => None,
        })
    }

    /// Whether there is this place in it.
    pub fn has(&self, place: Placeholder) -> bool {
        self.pieces.contains(&TemplatePiece::Placeholder(place))
    }

    /// The body, with every place filled.
    pub fn fill<'v>(&self, value: impl Fn(Placeholder) -> Cow<'v, str>) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            TemplatePiece::Text(text) => Cow::Borrowed(text.as_str()),
            TemplatePiece::Placeholder(place) => value(*place),
        });
        pieces.collect()
    }
}

/// As it was written.
impl fmt::Display for BodyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Takes a text apart. `{name}` is a place; every other brace, such as those of JSON, is text.
fn parts(text: &str) -> Vec<TextPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = split_at_name(rest) {
        parts.push(TextPart::Text(before));
        parts.push(TextPart::Name(name));
        rest = after;
    }
    parts.push(TextPart::Text(rest));
    parts
}

/// The text before the first `{name}`, the name, and the text after it.
fn split_at_name(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let before = text.get(..open)?;
        let (name, after) = text.get(open + 1..)?.split_once('}')?;
        is_name(name).then_some((before, name, after))
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "_-. ".contains(char);
    !text.trim().is_empty() && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        BodyTemplate::new(text, Placeholder::ALL).fill(|place| format!("<{place:?}>").into())
    }

    #[test]
    fn places_are_filled_and_other_braces_are_text() {
        for (text, expected) in [
            ("", ""),
            ("refused", "refused"),
            ("{reason}", "<Reason>"),
            ("{reason}{reason}", "<Reason><Reason>"),
            (r#"{"code":{status},"why":"{reason}"}"#, r#"{"code":<Status>,"why":"<Reason>"}"#),
            ("{}", "{}"),
            ("{{reason}}", "{<Reason>}"),
            ("{ {\"a\": {reason}", "{ {\"a\": <Reason>"),
            ("}{reason", "}{reason"),
            ("ä{text}ö", "ä<Text>ö"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
            assert_eq!(BodyTemplate::new(text, Placeholder::ALL).to_string(), text);
        }
    }

    #[test]
    fn what_looks_like_a_place_and_is_none_is_found() {
        let unknown = |text| BodyTemplate::unknown_place(text, &[Placeholder::Reason]);
        assert_eq!(unknown("{reason} {status} {x}"), Some("status"));
        assert_eq!(unknown("{Reason}"), Some("Reason"));
        assert_eq!(unknown("{reason }"), Some("reason "));
        assert_eq!(unknown("{header.x-a}"), Some("header.x-a"));
        for fine in ["{reason}", "{}", "{\"a\":{\"b\":1}}", "{ }", "{", "{reason"] {
            assert_eq!(unknown(fine), None, "{fine}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_places_is_its_own_body(text in "[a-z{}\" :]{0,40}") {
            let template = BodyTemplate::new(&text, &[]);
            proptest::prop_assert_eq!(template.fill(|_| "".into()), text);
        }
    }
}
