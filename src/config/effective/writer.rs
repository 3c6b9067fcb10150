//! Writes one table in the notation that the reader accepts.

use std::{fmt::Display, path::Path, time::Duration};

use toml::{Table, Value};

use crate::config::values::{format_duration, format_size};

/// A table that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer(Table);

impl Writer {
    pub(super) fn value(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    pub(super) fn optional_value(self, key: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.value(key, value),
            None => self,
        }
    }

    pub(super) fn text(self, key: &str, text: impl Display) -> Self {
        self.value(key, Value::String(text.to_string()))
    }

    /// Nothing at all if there is no text: TOML knows no null.
    pub(super) fn optional(self, key: &str, text: Option<impl Display>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    pub(super) fn path(self, key: &str, path: &Path) -> Self {
        self.text(key, path.display())
    }

    pub(super) fn optional_path(self, key: &str, path: Option<&Path>) -> Self {
        self.optional(key, path.map(Path::display))
    }

    pub(super) fn switch(self, key: &str, truth: bool) -> Self {
        self.value(key, Value::Boolean(truth))
    }

    pub(super) fn count(self, key: &str, number: usize) -> Self {
        // Every count is bounded far below 2^63 when it is read.
        self.value(key, Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    pub(super) fn size(self, key: &str, bytes: usize) -> Self {
        self.text(key, format_size(bytes))
    }

    pub(super) fn duration(self, key: &str, span: Duration) -> Self {
        self.text(key, format_duration(span))
    }

    /// A list; nothing at all if it is empty, which the reader would take for a mistake.
    pub(super) fn list<T: Display>(self, key: &str, items: impl IntoIterator<Item = T>) -> Self {
        let texts = items.into_iter().map(|item| Value::String(item.to_string()));
        let texts: Vec<Value> = texts.collect();
        if texts.is_empty() {
            return self;
        }
        self.value(key, Value::Array(texts))
    }

    pub(super) fn table(self) -> Value {
        Value::Table(self.0)
    }
}
