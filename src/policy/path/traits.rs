//! What a path has that a route must allow.

use super::{NotCanonical, check_text, hex_pair, hides_structure, is_raw_character};
use crate::policy::settings::{EmptySegments, EscapeRule, PathSettings};

/// What a path has that has more than one reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::policy) struct PathTraits {
    has_encoded_slash: bool,
    has_empty_segments: bool,
    /// How the first of the other escapes is refused.
    other_escape: Option<NotCanonical>,
}

impl PathTraits {
    /// Those of a path of ASCII characters. An error if it has what no route allows.
    pub(in crate::policy) fn of(path: &str) -> Result<Self, NotCanonical> {
        let mut traits = Self { has_empty_segments: has_empty_segments(path), ..Self::default() };
        for segment in path.split('/') {
            traits.add(segment.as_bytes())?;
        }
        Ok(traits)
    }

    fn add(&mut self, mut rest: &[u8]) -> Result<(), NotCanonical> {
        let mut meaning = Vec::with_capacity(rest.len());
        while let Some((&byte, after)) = rest.split_first() {
            let (value, after) = match byte {
                b'%' => hex_pair(after).ok_or(NotCanonical::PathEscape)?,
                _ if is_raw_character(byte) => (byte, after),
                _ => return Err(NotCanonical::PathCharacter),
            };
            match value {
                b'/' => self.has_encoded_slash = true,
                b'\\' => self.has_escape(NotCanonical::EncodedSeparator),
                _ if value.is_ascii_control() => self.has_escape(NotCanonical::EncodedControl),
                _ => {}
            }
            meaning.push(value);
            rest = after;
        }
        if check_text(&meaning).is_err() {
            self.has_escape(NotCanonical::EncodedNotUtf8);
        }
        if hides_structure(&meaning) {
            self.has_escape(NotCanonical::DoublyEncoded);
        }
        Ok(())
    }

    fn has_escape(&mut self, refused: NotCanonical) {
        self.other_escape.get_or_insert(refused);
    }

    /// Refuses what the route does not allow.
    pub(in crate::policy) fn check(self, allowed: PathSettings) -> Result<(), NotCanonical> {
        if self.has_encoded_slash && allowed.encoded_slash == EscapeRule::Refuse {
            return Err(NotCanonical::EncodedSeparator);
        }
        if self.has_empty_segments && allowed.empty_segments == EmptySegments::Refuse {
            return Err(NotCanonical::EmptySegment);
        }
        match self.other_escape {
            Some(refused) if allowed.escapes == EscapeRule::Refuse => Err(refused),
            _ => Ok(()),
        }
    }

    /// Whether the path, which the route allows, has something that is kept.
    pub(in crate::policy) fn has_kept(self, allowed: PathSettings) -> bool {
        self.has_encoded_slash
            || self.other_escape.is_some()
            || (self.has_empty_segments && allowed.empty_segments == EmptySegments::Keep)
    }
}

/// Whether there is an empty segment that does not end the path.
pub(in crate::policy) fn has_empty_segments(path: &str) -> bool {
    path.contains("//")
}
