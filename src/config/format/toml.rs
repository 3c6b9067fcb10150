//! TOML.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use toml_edit::{ImDocument, Item, Key, TableLike, Value as TomlValue};

use super::FormatError;
use crate::config::{
    node::{Node, Value},
    origin::{OriginSource, ValueOrigin},
    place::LineIndex,
};

pub(super) fn parse(text: &str, source: &Arc<OriginSource>) -> Result<Node, FormatError> {
    let lines = LineIndex::new(text);
    let document = ImDocument::parse(text).map_err(|error| FormatError {
        place: error.span().map(|span| lines.place(span.start)),
        message: format!("is not valid TOML: {}", error.to_string().trim()),
    })?;
    let walk = TomlWalk { lines, source };
    let value = walk.table(document.as_table())?;
    Ok(Node { origin: Some(ValueOrigin::new(source, None)), value })
}

struct TomlWalk<'t> {
    lines: LineIndex<'t>,
    source: &'t Arc<OriginSource>,
}

impl TomlWalk<'_> {
    fn node(&self, span: Option<Range<usize>>, value: Value) -> Node {
        let place = span.map(|span| self.lines.place(span.start));
        Node { origin: Some(ValueOrigin::new(self.source, place)), value }
    }

    fn table(&self, table: &dyn TableLike) -> Result<Value, FormatError> {
        let mut members = BTreeMap::new();
        for (name, item) in table.iter() {
            let span = place_of(table.key(name), item);
            let value = self.item(item, span.as_ref())?;
            members.insert(name.to_owned(), self.node(span, value));
        }
        Ok(Value::Table(members))
    }

    fn item(&self, item: &Item, span: Option<&Range<usize>>) -> Result<Value, FormatError> {
        match item {
            Item::None => Ok(Value::Null),
            Item::Value(value) => self.value(value, span),
            Item::Table(table) => self.table(table),
            Item::ArrayOfTables(tables) => {
                let nodes: Result<Vec<Node>, FormatError> = tables
                    .iter()
                    .map(|table| Ok(self.node(table.span(), self.table(table)?)))
                    .collect();
                nodes.map(Value::List)
            }
        }
    }

    fn value(&self, value: &TomlValue, span: Option<&Range<usize>>) -> Result<Value, FormatError> {
        Ok(match value {
            TomlValue::String(text) => Value::Text(text.value().clone()),
            TomlValue::Integer(integer) => Value::Integer(i128::from(*integer.value())),
            TomlValue::Float(float) => Value::Float(*float.value()),
            TomlValue::Boolean(truth) => Value::Bool(*truth.value()),
            TomlValue::Datetime(_) => {
                let span = value.span().or_else(|| span.cloned()).unwrap_or_default();
                let message = "found a date, which no setting has; expected it in quotes";
                return Err(FormatError::at(self.lines.place(span.start), message));
            }
            TomlValue::Array(list) => {
                let nodes: Result<Vec<Node>, FormatError> = list
                    .iter()
                    .map(|value| {
                        let span = value.span();
                        Ok(self.node(span.clone(), self.value(value, span.as_ref())?))
                    })
                    .collect();
                Value::List(nodes?)
            }
            TomlValue::InlineTable(table) => return self.table(table),
        })
    }
}

/// A table with a header is where its header is; anything else is where its key is.
fn place_of(key: Option<&Key>, item: &Item) -> Option<Range<usize>> {
    let header = match item {
        Item::Table(table) if !table.is_dotted() => table.span(),
        Item::ArrayOfTables(tables) => tables.iter().next().and_then(toml_edit::Table::span),
        _ => None,
    };
    header.or_else(|| key.and_then(Key::span))
}
