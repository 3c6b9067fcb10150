//! Where the values of a configuration came from, for those who look at it.

use std::{collections::BTreeMap, fmt};

use toml::Value as Written;
use toml_edit::{DocumentMut, Item, TableLike, Value as TomlValue};
use zeroize::Zeroizing;

use super::{
    documents::ReadFiles,
    interpolation::{FILE_PREFIX, escape},
    key_path,
    node::{Node, Value},
};

/// The origin of every value that is written somewhere.
#[derive(Default)]
pub(crate) struct Provenance {
    /// Whole key → `/etc/countersign.toml:12`, `environment variable X`.
    origins: BTreeMap<String, String>,
    /// Whole key → the text with `${…}` or `file:` in it.
    references: BTreeMap<String, String>,
    /// What files hold that stand for values, and the text that names each. It may be a secret.
    contents: Vec<(Zeroizing<String>, String)>,
    /// What was read.
    pub(crate) files: ReadFiles,
    /// What works, and should be written otherwise.
    pub(crate) notes: Vec<String>,
}

/// Shorter contents are looked for as whole values only: `1` is in many texts.
const MIN_SEARCHED_BYTES: usize = 6;

// Two configurations that mean the same are shown alike, wherever they were read from.
impl fmt::Debug for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provenance").finish_non_exhaustive()
    }
}

impl Provenance {
    /// Of a whole tree.
    pub(crate) fn of(root: &Node, files: ReadFiles, notes: Vec<String>) -> Self {
        let mut provenance = Self { files, notes, ..Self::default() };
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
        self.references.insert(key.to_owned(), reference.written.clone());
        if let (Some(text), true) = (node.as_text(), reference.written.starts_with(FILE_PREFIX)) {
            self.contents.push((Zeroizing::new(text.to_owned()), reference.written.clone()));
        }
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
                    *leaf = Written::String(reference.clone());
                } else if let Written::String(text) = leaf {
                    *text = self.named_content(text).unwrap_or_else(|| escape(text));
                }
            }
        }
    }

    /// The name of the file that a text comes from, wherever the writer put the text.
    fn named_content(&self, text: &str) -> Option<String> {
        let is_in = |content: &str| {
            text == content || content.len() >= MIN_SEARCHED_BYTES && text.contains(content)
        };
        let mut contents = self.contents.iter();
        contents.find(|(content, _)| is_in(content)).map(|(_, written)| written.clone())
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
