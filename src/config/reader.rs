//! Reads the tree section by section and collects every mistake on the way.
//!
//! A section takes its keys by name, each with a parser; whatever was not taken when the section
//! ends is an unknown key. All mistakes are collected: a value that can't be read is reported and
//! replaced by its default (or left out). [`Mistakes::finish`] is the only way to a result, and
//! fails if there was any mistake.

use super::{
    error::OtherPlace,
    key_path,
    nearest::suggestion,
    node::{Node, Value},
    origin::ValueOrigin,
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
    origin: Option<ValueOrigin>,
    taken: Vec<&'static str>,
    report: &'n Mistakes,
    /// The whole tree, to find the place of any key.
    root: &'n Node,
}

impl<'n> Section<'n> {
    /// Reads the whole tree.
    pub(crate) fn root<T>(
        node: &'n Node,
        report: &'n Mistakes,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self {
            key: String::new(),
            node: Some(node),
            origin: node.origin(),
            taken: Vec::new(),
            report,
            root: node,
        };
        section.run(read)
    }

    /// Reads one table in this one; an absent one is read as if it were empty.
    fn read<T>(&self, key: String, node: Option<&'n Node>, read: impl FnOnce(&mut Self) -> T) -> T {
        let mut section = Self {
            key,
            node,
            origin: node.and_then(Node::origin).or_else(|| self.origin.clone()),
            taken: Vec::new(),
            report: self.report,
            root: self.root,
        };
        section.run(read)
    }

    /// What is left over is unknown.
    fn run<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        if let Some(node) = self.node
            && node.as_table().is_none()
        {
            let message = node.mismatch("a table");
            self.report.add(self.key.clone(), node.origin.as_ref(), message);
            self.node = None;
        }
        let result = read(self);
        self.report_unknown_keys();
        result
    }

    fn report_unknown_keys(&self) {
        for (name, node) in self.members() {
            if !self.taken.contains(&name) {
                let message = format!("unknown key; {}", suggestion(name, &self.taken));
                self.report.add(self.key_of(name), node.origin.as_ref(), message);
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
                    let key = key_path::element(&self.key_of(name), position);
                    self.report.add(key, element.origin.as_ref(), message);
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
        self.read(self.key_of(name), node, read)
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
                self.read(key_path::element(&key, position), Some(element), &mut read)
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
                self.read(key, Some(node), |section| read(name, section))
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
                Err(message) => self.report.add(self.key_of(name), node.origin.as_ref(), message),
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
        let own = self.peek(name).and_then(|node| node.origin.as_ref());
        self.report.add(self.key_of(name), own.or(self.origin.as_ref()), message);
    }

    /// Reports a mistake of this section as a whole.
    pub(crate) fn own_mistake(&self, message: String) {
        self.report.add(self.key.clone(), self.origin.as_ref(), message);
    }

    /// Reports a mistake under its whole key. `origin` is where that key's value comes from, if the
    /// key itself is nowhere.
    pub(crate) fn mistake_at(&self, key: String, origin: Option<ValueOrigin>, message: String) {
        let origin = self.origin_of(&key).or(origin);
        self.report.add(key, origin.as_ref(), message);
    }

    /// Reports that the value of a key contradicts that of another, both under their whole keys.
    /// Where the other has its default, there is no place to name.
    pub(crate) fn contradiction(&self, key: String, other: &str, message: String) {
        let origin = self.origin_of(&key).or_else(|| self.root.origin());
        let of_other = key_path::find_exactly(self.root, other).and_then(Node::origin);
        let other = of_other.map(|at| OtherPlace::new(other.to_owned(), &at));
        self.report.add_contradiction(key, origin.as_ref(), message, other);
    }

    /// Where a key is written, or the last section around it that is.
    fn origin_of(&self, key: &str) -> Option<ValueOrigin> {
        key_path::find(self.root, key).and_then(Node::origin)
    }

    fn missing(&self, name: &str, expected: &str) {
        self.mistake(name, format!("missing; expected {expected}"));
    }

    /// The whole dotted name of this section.
    pub(crate) fn own_key(&self) -> &str {
        &self.key
    }

    /// The whole dotted name of a key of this section.
    pub(crate) fn key_of(&self, name: &str) -> String {
        key_path::member(&self.key, name)
    }
}
