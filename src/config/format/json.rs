//! JSON, with member names that are unique: of two equal names, a parser would silently take the
//! last one (threats X-1).
//!
//! The whole text is parsed once for its syntax. Every value is then taken as the slice of the text
//! that it is, whose address is its place.

use std::{
    cell::Cell,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::FormatError;
use crate::config::{
    node::{Node, Value},
    origin::{OriginSource, ValueOrigin},
    place::{LineIndex, TextPlace},
};

/// More values than a file of the largest size holds in practice.
const MAX_NODES: usize = 1_000_000;

/// Far deeper than any setting. Each level reads its text once more.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(text: &str, source: &Arc<OriginSource>) -> Result<Node, FormatError> {
    let walk = JsonWalk { text, lines: LineIndex::new(text), source, nodes: Cell::new(0) };
    let root: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let value = walk.value(root.get(), 0)?;
    if !matches!(value, Value::Table(_)) {
        let message = "is not valid JSON for a configuration: expected an object";
        return Err(FormatError::at(walk.place(root.get()), message));
    }
    Ok(Node { origin: Some(ValueOrigin::new(source, None)), value })
}

fn syntax(error: &serde_json::Error) -> FormatError {
    let place = TextPlace { line: error.line(), column: error.column() };
    FormatError {
        place: (place.line > 0).then_some(place),
        message: format!("is not valid JSON: {error}"),
    }
}

struct JsonWalk<'t> {
    text: &'t str,
    lines: LineIndex<'t>,
    source: &'t Arc<OriginSource>,
    nodes: Cell<usize>,
}

impl<'t> JsonWalk<'t> {
    /// A part of the text.
    fn place(&self, part: &str) -> TextPlace {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        self.lines.place(offset)
    }

    fn node(&self, place: TextPlace, raw: &'t str, depth: usize) -> Result<Node, FormatError> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > MAX_NODES || depth > MAX_DEPTH {
            let message = "is not acceptable JSON: it has too many values, or is nested too deeply";
            return Err(FormatError::at(place, message));
        }
        let value = self.value(raw, depth)?;
        Ok(Node { origin: Some(ValueOrigin::new(self.source, Some(place))), value })
    }

    fn value(&self, raw: &'t str, depth: usize) -> Result<Value, FormatError> {
        match raw.as_bytes().first() {
            Some(b'{') => self.table(raw, depth),
            Some(b'[') => {
                let elements: Vec<&'t RawValue> =
                    serde_json::from_str(raw).map_err(|error| syntax(&error))?;
                let nodes: Result<Vec<Node>, FormatError> = elements
                    .into_iter()
                    .map(|raw| self.node(self.place(raw.get()), raw.get(), depth + 1))
                    .collect();
                nodes.map(Value::List)
            }
            Some(b'"') => {
                serde_json::from_str(raw).map(Value::Text).map_err(|error| syntax(&error))
            }
            Some(b't') => Ok(Value::Bool(true)),
            Some(b'f') => Ok(Value::Bool(false)),
            Some(b'n') => Ok(Value::Null),
            _ => match raw.parse() {
                Ok(integer) => Ok(Value::Integer(integer)),
                Err(_) => {
                    serde_json::from_str(raw).map(Value::Float).map_err(|error| syntax(&error))
                }
            },
        }
    }

    fn table(&self, raw: &'t str, depth: usize) -> Result<Value, FormatError> {
        let JsonMembers(pairs) = serde_json::from_str(raw).map_err(|error| syntax(&error))?;
        let mut members = BTreeMap::new();
        for (name, value) in pairs {
            let place = self.place(name.get());
            let name: String = serde_json::from_str(name.get()).map_err(|error| syntax(&error))?;
            match members.entry(name) {
                Entry::Vacant(vacant) => vacant.insert(self.node(place, value.get(), depth + 1)?),
                Entry::Occupied(_) => {
                    let message = "is ambiguous: an object in it has two members of the same name";
                    return Err(FormatError::at(place, message));
                }
            };
        }
        Ok(Value::Table(members))
    }
}

/// The members of an object in their order, each name and value as it is written.
struct JsonMembers<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for JsonMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JsonMembersVisitor)
    }
}

struct JsonMembersVisitor;

impl<'de> Visitor<'de> for JsonMembersVisitor {
    type Value = JsonMembers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(JsonMembers(pairs))
    }
}
