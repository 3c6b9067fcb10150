//! Path patterns as a tree of their segments.

use foldhash::HashMap;

use super::PlaceId;
use crate::policy::{PathPattern, path::decoded, pattern::Segment};

/// The patterns that share a beginning. The root is the one before the first slash.
#[derive(Debug, Default)]
pub(super) struct Trie {
    literals: HashMap<Box<[u8]>, Self>,
    one: Option<Box<Self>>,
    /// What a pattern that ends here leads to.
    end: Option<PlaceId>,
    /// What a pattern that ends here with `**` leads to.
    rest: Option<PlaceId>,
}

impl Trie {
    /// Where a pattern leads to.
    pub(super) fn slot(&mut self, pattern: &PathPattern) -> &mut Option<PlaceId> {
        let mut node = self;
        for segment in pattern.segments() {
            node = match segment {
                Segment::Literal(name) => node.literals.entry(name.into()).or_default(),
                Segment::One => node.one.get_or_insert_default(),
                Segment::Rest => return &mut node.rest,
            };
        }
        &mut node.end
    }

    /// What the most specific pattern that matches a path leads to.
    pub(super) fn find(&self, path: &[u8]) -> Option<PlaceId> {
        match path.strip_prefix(b"/") {
            Some(path) => self.find_below(Some(path)),
            // The target `*`: a pattern without segments is for nothing else.
            None => self.end,
        }
    }

    /// Goes down along the path, and back up where a more specific beginning led nowhere. Each
    /// node is visited once at most, and no deeper than the longest pattern: the client's path
    /// bounds neither.
    fn find_below(&self, path: Option<&[u8]>) -> Option<PlaceId> {
        let Some(path) = path else {
            return self.end.or(self.rest);
        };
        let (segment, below) = split_segment(path);
        self.literal(segment)
            .and_then(|node| node.find_below(below))
            .or_else(|| self.one(segment)?.find_below(below))
            .or(self.rest)
    }

    fn literal(&self, segment: &[u8]) -> Option<&Self> {
        if self.literals.is_empty() {
            return None;
        }
        self.literals.get(&*decoded(segment))
    }

    fn one(&self, segment: &[u8]) -> Option<&Self> {
        match segment {
            [] => None,
            _ => self.one.as_deref(),
        }
    }
}

/// The first segment, and what follows its slash. Segments are so short that going over them byte
/// by byte costs less than a search.
fn split_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let slash = path.iter().position(|byte| *byte == b'/');
    match slash.and_then(|slash| path.split_at_checked(slash)) {
        Some((segment, rest)) => (segment, rest.strip_prefix(b"/")),
        None => (path, None),
    }
}
