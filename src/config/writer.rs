//! Writes one table in the notation that the reader accepts.

use std::{fmt::Display, path::Path, time::Duration};

use toml::{Table, Value};

use crate::config::values::{Names, format_duration, format_size, name_of};

/// A value as it is written.
pub(crate) type Written = Value;

/// A table that is being written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Table);

impl Writer {
    pub(crate) fn value(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn optional_value(self, key: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.value(key, value),
            None => self,
        }
    }

    pub(crate) fn text(self, key: &str, text: impl Display) -> Self {
        self.value(key, Value::String(text.to_string()))
    }

    /// Nothing at all if there is no text: TOML knows no null.
    pub(crate) fn optional(self, key: &str, text: Option<impl Display>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    pub(crate) fn path(self, key: &str, path: &Path) -> Self {
        self.text(key, path.display())
    }

    pub(crate) fn optional_path(self, key: &str, path: Option<&Path>) -> Self {
        self.optional(key, path.map(Path::display))
    }

    pub(crate) fn switch(self, key: &str, truth: bool) -> Self {
        self.value(key, Value::Boolean(truth))
    }

    pub(crate) fn count(self, key: &str, number: usize) -> Self {
        // Every count is bounded far below 2^63 when it is read.
        self.value(key, Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    pub(crate) fn size(self, key: &str, bytes: usize) -> Self {
        self.text(key, format_size(bytes))
    }

    pub(crate) fn duration(self, key: &str, span: Duration) -> Self {
        self.text(key, format_duration(span))
    }

    /// A list; nothing at all if it is empty, which the reader would take for a mistake.
    pub(crate) fn list<T: Display>(self, key: &str, items: impl IntoIterator<Item = T>) -> Self {
        let texts = items.into_iter().map(|item| Value::String(item.to_string()));
        let texts: Vec<Value> = texts.collect();
        if texts.is_empty() {
            return self;
        }
        self.value(key, Value::Array(texts))
    }

    /// A list of names, or `"any"` without one.
    pub(crate) fn any_or_list(self, key: &str, list: Option<&[String]>) -> Self {
        match list {
            Some(list) => self.list(key, list),
            None => self.text(key, "any"),
        }
    }

    /// One of a closed set of keywords, as `values::keyword` reads it.
    pub(crate) fn keyword<T: PartialEq>(
        self,
        key: &str,
        keywords: &[(&str, T)],
        value: &T,
    ) -> Self {
        let known = keywords.iter().find(|(_, known)| known == value);
        self.optional(key, known.map(|(keyword, _)| keyword))
    }

    /// The name of something that is configured elsewhere, as `values::reference` reads it.
    pub(crate) fn reference<T: Copy + PartialEq>(
        self,
        key: &str,
        names: &Names<T>,
        meant: T,
    ) -> Self {
        self.optional(key, name_of(names, meant))
    }

    /// [`table_of`] some members; nothing at all if there are none.
    pub(crate) fn optional_members(
        self,
        key: &str,
        members: impl IntoIterator<Item = (String, Written)>,
    ) -> Self {
        let mut members = members.into_iter().peekable();
        match members.peek() {
            Some(_) => self.value(key, table_of(members)),
            None => self,
        }
    }

    pub(crate) fn table(self) -> Value {
        Value::Table(self.0)
    }
}

/// A table whose names the user chose.
pub(crate) fn table_of(members: impl IntoIterator<Item = (String, Written)>) -> Written {
    members.into_iter().collect::<Table>().into()
}

/// A list of tables, or of whatever else is no text.
pub(crate) fn list_of(elements: impl IntoIterator<Item = Written>) -> Written {
    Value::Array(elements.into_iter().collect())
}
