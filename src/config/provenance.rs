//! Where the values of a configuration came from, for those who look at it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use toml::Value as Written;
use toml_edit::{DocumentMut, Item, TableLike, Value as TomlValue};

use super::{
    documents::ReadFiles,
    interpolation::escape,
    key_path,
    node::{Node, Value},
    origin::ReadContext,
    reference::Reference,
};

/// The origin of every value that is written somewhere.
#[derive(Default)]
pub(crate) struct ConfigProvenance {
    /// Whole key → `/etc/countersign.toml:12`, `environment variable X`.
    origins: BTreeMap<String, String>,
    /// Whole key → what stands there for a variable or a file.
    references: BTreeMap<String, Arc<Reference>>,
    /// What was read.
    pub(crate) files: ReadFiles,
    /// What works, and should be written otherwise.
    pub(crate) notes: Vec<String>,
    /// Whether the files that settings name were left alone.
    pub(crate) lint: bool,
}

// Two configurations that mean the same are shown alike, wherever they were read from.
impl fmt::Debug for ConfigProvenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigProvenance").finish_non_exhaustive()
    }
}

impl ConfigProvenance {
    /// Of a whole tree.
    pub(crate) fn of(root: &Node, files: ReadFiles, context: &ReadContext) -> Self {
        let (notes, lint) = (context.take_notes(), context.lint);
        let mut provenance = Self { files, notes, lint, ..Self::default() };
        provenance.collect("", root);
        provenance
    }

    fn collect(&mut self, key: &str, node: &Node) {
        match &node.value {
            Value::Table(members) => {
                for (name, member) in members {
                    self.collect(&key_path::member(key, name), member);
                }
            }
            Value::List(list) => {
                for (position, element) in list.iter().enumerate() {
                    self.collect(&key_path::element(key, position), element);
                }
                self.add_origin(key, node);
            }
            _ => self.add_origin(key, node),
        }
    }

    fn add_origin(&mut self, key: &str, node: &Node) {
        let Some(origin) = &node.origin else { return };
        let shown = match origin.place {
            Some(place) => format!("{}:{}", origin.source.name, place.line),
            None => origin.source.name.clone(),
        };
        self.origins.insert(key.to_owned(), shown);
        let Some(reference) = &origin.reference else { return };
        self.references.insert(key.to_owned(), Arc::clone(reference));
    }

    /// Whether the value of a key comes from a variable or a file.
    pub(crate) fn has_reference(&self, key: &str) -> bool {
        self.references.contains_key(key)
    }

    /// What the reader would have to read: values that refer to variables and files are written as
    /// such, so that nothing of a secret is in the result.
    pub(crate) fn with_references(&self, mut written: Written) -> Written {
        self.refer("", &mut written);
        written
    }

    fn refer(&self, key: &str, written: &mut Written) {
        match written {
            Written::Table(members) => {
                for (name, member) in members.iter_mut() {
                    self.refer(&key_path::member(key, name), member);
                }
            }
            Written::Array(list) => {
                for (position, element) in list.iter_mut().enumerate() {
                    self.refer(&key_path::element(key, position), element);
                }
            }
            leaf => {
                if let Some(reference) = self.references.get(key) {
                    *leaf = Written::String(reference.written.clone());
                } else if let Written::String(text) = leaf {
                    *text = self.named_content(text).unwrap_or_else(|| escape(text));
                }
            }
        }
    }

    /// The name of the file that a text comes from, wherever the writer put the text.
    fn named_content(&self, text: &str) -> Option<String> {
        let mut files = self.references.values().filter(|reference| reference.is_file());
        files.find(|reference| reference.is_in(text)).map(|reference| reference.written.clone())
    }

    /// The same text with a comment after every value that does not come from the defaults.
    pub(crate) fn annotate(&self, toml: &str) -> String {
        let Ok(mut document) = toml.parse::<DocumentMut>() else {
            return toml.to_owned();
        };
        self.annotate_table("", document.as_table_mut());
        document.to_string()
    }

    fn annotate_table(&self, key: &str, table: &mut dyn TableLike) {
        for (name, item) in table.iter_mut() {
            let key = key_path::member(key, name.get());
            match item {
                Item::Value(value) => self.annotate_value(&key, value),
                Item::Table(table) => self.annotate_table(&key, table),
                Item::ArrayOfTables(tables) => {
                    for (position, table) in tables.iter_mut().enumerate() {
                        self.annotate_table(&key_path::element(&key, position), table);
                    }
                }
                Item::None => {}
            }
        }
    }

    fn annotate_value(&self, key: &str, value: &mut TomlValue) {
        if let Some(origin) = self.origins.get(key) {
            // A comment ends with the line, and so would anything that a file's name adds.
            let origin = origin.replace(char::is_control, "?");
            value.decor_mut().set_suffix(format!("  # {origin}"));
        }
    }
}
