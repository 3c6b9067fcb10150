//! Reads the tree section by section and collects every mistake on the way.
//!
//! A section takes its keys by name, each with a parser; whatever was not taken when the section
//! ends is an unknown key. All mistakes are collected: a value that can't be read is reported and
//! replaced by its default (or left out). [`Mistakes::finish`] is the only way to a result, and
//! fails if there was any mistake.

use std::sync::Arc;

use super::{
    nearest::suggestion,
    node::{Node, Value},
    report::Mistakes,
};

/// What a parser makes of a value, or `found …, expected …`.
pub(crate) type Parsed<T> = Result<T, String>;

/// A table that is being read.
#[derive(Debug)]
pub(crate) struct Section<'n> {
    key: String,
    node: Option<&'n Node>,
    /// Where the table was written, or the one around it if it was not.
    origin: Option<Arc<str>>,
    taken: Vec<&'static str>,
    report: &'n Mistakes,
}

impl<'n> Section<'n> {
    /// Reads the whole tree.
    pub(crate) fn root<T>(
        node: &'n Node,
        report: &'n Mistakes,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        Self::read(String::new(), Some(node), None, report, read)
    }

    /// Reads one table; an absent one is read as if it were empty. What is left over is unknown.
    fn read<T>(
        key: String,
        node: Option<&'n Node>,
        around: Option<Arc<str>>,
        report: &'n Mistakes,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self {
            key,
            node,
            origin: node.and_then(|node| node.origin.clone()).or(around),
            taken: Vec::new(),
            report,
        };
        if let Some(node) = node
            && node.as_table().is_none()
        {
            let message = node.mismatch("a table");
            report.add(section.key.clone(), node.origin(), message);
            section.node = None;
        }
        let result = read(&mut section);
        section.report_unknown_keys();
        result
    }

    fn report_unknown_keys(&self) {
        for (name, node) in self.members() {
            if !self.taken.contains(&name) {
                let message = format!("unknown key; {}", suggestion(name, &self.taken));
                self.report.add(self.key_of(name), node.origin(), message);
            }
        }
    }

    /// Every member, for tables whose names the user chooses.
    fn members(&self) -> impl Iterator<Item = (&'n str, &'n Node)> + use<'n> {
        let table = self.node.and_then(Node::as_table);
        table.into_iter().flatten().map(|(name, node)| (name.as_str(), node))
    }

    /// The value at a key, as it is.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.take(name);
        self.peek(name)
    }

    /// A key may be read for several purposes.
    fn take(&mut self, name: &'static str) {
        if !self.taken.contains(&name) {
            self.taken.push(name);
        }
    }

    /// The value at a key, which stays to be read.
    pub(crate) fn peek(&self, name: &str) -> Option<&'n Node> {
        self.node.and_then(|node| node.member(name))
    }

    /// Whether a key has been read already.
    pub(crate) fn has_taken(&self, name: &str) -> bool {
        self.taken.contains(&name)
    }

    /// A value that may be absent.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Node) -> Parsed<T>,
    ) -> Option<T> {
        let node = self.node(name)?;
        parse(node).map_err(|message| self.mistake(name, message)).ok()
    }

    /// A value that has a default.
    pub(crate) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl FnOnce(&Node) -> Parsed<T>,
    ) -> T {
        self.optional(name, parse).unwrap_or(default)
    }

    /// A required value; `expected` describes it for the error.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&Node) -> Parsed<T>,
    ) -> Option<T> {
        if self.peek(name).is_none() {
            self.take(name);
            self.missing(name, expected);
            return None;
        }
        self.optional(name, parse)
    }

    /// A list, each element read alone so that each mistake is reported. `None` if it is absent;
    /// an empty one is refused, since it could mean nothing or everything.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        mut parse: impl FnMut(&Node) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        let node = self.node(name)?;
        let elements = match &node.value {
            Value::List(list) if !list.is_empty() => list,
            _ => {
                self.mistake(name, node.mismatch(expected));
                return None;
            }
        };
        let mut parsed = Vec::with_capacity(elements.len());
        for (position, element) in elements.iter().enumerate() {
            match parse(element) {
                Ok(value) => parsed.push(value),
                Err(message) => {
                    let key = format!("{}[{position}]", self.key_of(name));
                    self.report.add(key, element.origin(), message);
                }
            }
        }
        Some(parsed)
    }

    /// A table inside of this one.
    pub(crate) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let node = self.node(name);
        Self::read(self.key_of(name), node, self.origin.clone(), self.report, read)
    }

    /// Every table of a list of tables; empty if the list is absent.
    pub(crate) fn tables<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let Some(node) = self.node(name) else {
            return Vec::new();
        };
        let Value::List(elements) = &node.value else {
            self.mistake(name, node.mismatch("a list of tables"));
            return Vec::new();
        };
        let key = self.key_of(name);
        elements
            .iter()
            .enumerate()
            .map(|(position, element)| {
                let key = format!("{key}[{position}]");
                Self::read(key, Some(element), None, self.report, &mut read)
            })
            .collect()
    }

    /// Every member of this table, as a table: for names that the user chooses.
    pub(crate) fn each_table<T>(
        &mut self,
        mut read: impl FnMut(&'n str, &mut Self) -> T,
    ) -> Vec<T> {
        self.take_members()
            .map(|(name, node)| {
                let key = self.key_of(name);
                Self::read(key, Some(node), None, self.report, |section| read(name, section))
            })
            .collect()
    }

    /// Every member of this table, parsed: for names that the user chooses.
    pub(crate) fn each_member<T>(
        &mut self,
        mut parse: impl FnMut(&'n str, &'n Node) -> Parsed<T>,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for (name, node) in self.take_members() {
            match parse(name, node) {
                Ok(value) => parsed.push(value),
                Err(message) => self.report.add(self.key_of(name), node.origin(), message),
            }
        }
        parsed
    }

    /// All members, none of which is unknown any more.
    fn take_members(&mut self) -> impl Iterator<Item = (&'n str, &'n Node)> + use<'n> {
        let members = self.members();
        self.node = None;
        members
    }

    /// Whether this section is configured at all.
    pub(crate) fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// How many mistakes were found so far, here and elsewhere.
    pub(crate) fn mistakes(&self) -> usize {
        self.report.len()
    }

    /// Reports a mistake at a key of this section.
    pub(crate) fn mistake(&self, name: &str, message: String) {
        let own = self.peek(name).and_then(|node| node.origin.clone());
        let origin = own.or_else(|| self.origin.clone());
        self.report.add(self.key_of(name), origin.map(|origin| origin.to_string()), message);
    }

    /// Reports a mistake of this section as a whole.
    pub(crate) fn own_mistake(&self, message: String) {
        let origin = self.origin.as_deref().map(str::to_owned);
        self.report.add(self.key.clone(), origin, message);
    }

    /// Reports a mistake under its whole key.
    pub(crate) fn mistake_at(&self, key: String, origin: Option<String>, message: String) {
        self.report.add(key, origin, message);
    }

    fn missing(&self, name: &str, expected: &str) {
        self.mistake(name, format!("missing; expected {expected}"));
    }

    /// The whole dotted name of this section.
    pub(crate) fn own_key(&self) -> &str {
        &self.key
    }

    /// The whole dotted name of a key of this section. A name that is no bare key is quoted, as in
    /// TOML.
    pub(crate) fn key_of(&self, name: &str) -> String {
        let bare = !name.is_empty()
            && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-');
        let name = if bare { name.to_owned() } else { format!("{name:?}") };
        if self.key.is_empty() { name } else { format!("{}.{name}", self.key) }
    }
}
