//! The merged configuration as a tree in which every value has its origin.

use std::collections::BTreeMap;

use super::origin::ValueOrigin;

/// A value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it comes from; `None` for what is written nowhere.
    pub(crate) origin: Option<ValueOrigin>,
    /// The value.
    pub(crate) value: Value,
}

/// A value from a file, a variable or a flag.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

/// Longer texts are truncated where a message quotes them.
const MAX_QUOTED_CHARS: usize = 80;

impl Node {
    /// An empty table: nothing is configured.
    pub(crate) fn empty_table() -> Self {
        Self { origin: None, value: Value::Table(BTreeMap::new()) }
    }

    /// The members, if it is a table.
    pub(crate) fn as_table(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The member of that name, if it is a table that has it.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.as_table()?.get(name)
    }

    /// The same, to be changed.
    pub(crate) fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Table(table) => table.get_mut(name),
            _ => None,
        }
    }

    /// The origin, if it has one.
    pub(crate) fn origin(&self) -> Option<ValueOrigin> {
        self.origin.clone()
    }

    /// Whether the files that it names are to be read; otherwise only what is written is checked.
    pub(crate) fn reads_files(&self) -> bool {
        !self.origin.as_ref().is_some_and(|origin| origin.source.context.lint)
    }

    /// Whether variables, or a file, were put into the text. Such a text may stand for a number or
    /// a truth value, which can't be written otherwise.
    pub(crate) fn is_interpolated(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.reference.is_some())
    }

    /// `found …, expected …`
    pub(crate) fn mismatch(&self, expected: &str) -> String {
        format!("found {}, expected {expected}", self.describe())
    }

    /// The value as a message shows it.
    pub(crate) fn describe(&self) -> String {
        let reference = self.origin.as_ref().and_then(|origin| origin.reference.as_ref());
        match &self.value {
            // What a variable or a file holds may be a secret.
            Value::Text(_) if let Some(reference) = reference => quoted(&reference.written),
            Value::Null => "null".to_owned(),
            Value::Bool(truth) => truth.to_string(),
            Value::Integer(integer) => integer.to_string(),
            Value::Float(float) => float.to_string(),
            Value::Text(text) => quoted(text),
            Value::List(list) if list.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// A text in quotes: control characters escaped, truncated if long.
pub(crate) fn quoted(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED_CHARS {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(MAX_QUOTED_CHARS).collect();
    format!("{start:?}…")
}

/// The one member of a table such as `{ claim = "azp" }`.
pub(crate) fn only_member<'n>(
    node: &'n Node,
    expected: &str,
) -> Result<(&'n str, &'n Node), String> {
    let Value::Table(table) = &node.value else {
        return Err(node.mismatch(expected));
    };
    let mut members = table.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(format!("expected {expected}")),
    }
}
