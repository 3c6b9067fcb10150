//! YAML. The parser bounds aliases, depth and size, and refuses a key twice.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Spanned};

use super::FormatError;
use crate::config::{
    node::{Node, Value},
    origin::{OriginSource, ValueOrigin},
    place::TextPlace,
};

pub(super) fn parse(text: &str, source: &Arc<OriginSource>) -> Result<Node, FormatError> {
    let tree: YamlTree = serde_saphyr::from_str(text).map_err(|error| FormatError {
        place: error.location().and_then(|location| place_of(&location)),
        message: format!("is not valid YAML: {error}"),
    })?;
    let value = match value(tree, source) {
        // Nothing but comments.
        Value::Null => Value::Table(BTreeMap::new()),
        table @ Value::Table(_) => table,
        _ => {
            let message = "is not valid YAML for a configuration: expected a mapping";
            return Err(FormatError::at(TextPlace { line: 1, column: 1 }, message));
        }
    };
    Ok(Node { origin: Some(ValueOrigin::new(source, None)), value })
}

fn place_of(location: &Location) -> Option<TextPlace> {
    let line = usize::try_from(location.line()).ok().filter(|line| *line > 0)?;
    Some(TextPlace { line, column: usize::try_from(location.column()).ok()? })
}

fn value(tree: YamlTree, source: &Arc<OriginSource>) -> Value {
    let node = |location: &Location, tree| Node {
        origin: Some(ValueOrigin::new(source, place_of(location))),
        value: value(tree, source),
    };
    match tree {
        YamlTree::Scalar(scalar) => scalar,
        YamlTree::List(list) => Value::List(
            list.into_iter().map(|element| node(&element.referenced, element.value)).collect(),
        ),
        YamlTree::Table(members) => Value::Table(
            members
                .into_iter()
                .map(|(name, tree)| (name.value, node(&name.referenced, tree)))
                .collect(),
        ),
    }
}

/// A value with the places of what is in it.
enum YamlTree {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Table(Vec<(Spanned<String>, Self)>),
}

impl<'de> Deserialize<'de> for YamlTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = YamlTree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Bool(truth)))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Integer(integer.into())))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Integer(integer.into())))
    }

    fn visit_i128<E>(self, integer: i128) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Integer(integer)))
    }

    fn visit_u128<E>(self, integer: u128) -> Result<YamlTree, E> {
        let integer = i128::try_from(integer).unwrap_or(i128::MAX);
        Ok(YamlTree::Scalar(Value::Integer(integer)))
    }

    fn visit_f64<E>(self, float: f64) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Float(float)))
    }

    fn visit_str<E>(self, text: &str) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<YamlTree, E> {
        Ok(YamlTree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<YamlTree, D::Error> {
        YamlTree::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<YamlTree, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(YamlTree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlTree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(YamlTree::Table(members))
    }
}
