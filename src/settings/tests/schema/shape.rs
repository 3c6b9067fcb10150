//! The shape of a configuration: what was seen at each key, and what the reader says of it.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::{
    phrases::forms,
    probes::{Members, Probes, key_below},
};

/// What may stand at one key, or at all keys whose names the operator chooses.
#[derive(Debug, Default, Clone)]
pub(super) struct Shape {
    /// What the reader expects there, in its words.
    pub(super) expected: BTreeSet<String>,
    pub(super) truth: bool,
    pub(super) integers: BTreeSet<i64>,
    pub(super) fraction: bool,
    pub(super) texts: BTreeSet<String>,
    pub(super) elements: Option<Box<Self>>,
    pub(super) table: Option<TableShape>,
    /// How many tables of a list lack it when they are empty.
    pub(super) missing: usize,
    /// What counts where the key is absent; several if that depends on other keys.
    pub(super) defaults: Vec<Value>,
}

/// What a table may have.
#[derive(Debug, Clone)]
pub(super) struct TableShape {
    pub(super) takes: Members,
    pub(super) known: BTreeMap<String, Shape>,
    /// At every name that the operator chooses.
    pub(super) chosen: Option<Box<Shape>>,
    /// The names that the reader says it knows.
    pub(super) read: BTreeSet<String>,
    /// How many such tables of lists were emptied.
    pub(super) emptied: usize,
}

impl TableShape {
    fn new(takes: Members) -> Self {
        Self { takes, known: BTreeMap::new(), chosen: None, read: BTreeSet::new(), emptied: 0 }
    }

    /// The shape at a name, made if need be.
    fn member(&mut self, name: &str) -> &mut Shape {
        match self.takes {
            Members::Chosen | Members::Named => self.chosen.get_or_insert_default(),
            Members::Known | Members::OneOf => self.known.entry(name.to_owned()).or_default(),
        }
    }
}

impl Shape {
    /// Adds a document and what the reader says about it.
    pub(super) fn add(&mut self, key: &str, value: &Value, probes: &Probes) {
        self.expected.extend(probes.expected.get(key).cloned());
        self.missing += usize::from(probes.missing.contains(key));
        let takes = probes.members.get(key).copied();
        self.add_value(value, takes, |shape, name, value| {
            shape.add(&key_below(key, name), value, probes);
        });
        if let Some(table) = &mut self.table {
            table.read.extend(probes.read.get(key).into_iter().flatten().cloned());
            table.emptied += usize::from(probes.emptied.contains(key));
        }
        if let Value::Array(list) = value {
            let elements = self.elements.get_or_insert_default();
            for (position, element) in list.iter().enumerate() {
                elements.add(&format!("{key}[{position}]"), element, probes);
            }
        }
    }

    /// Adds a value of another document, whose tables are those that are known already. What the
    /// document does not give itself is a default.
    pub(super) fn add_effective(
        &mut self,
        value: &Value,
        given: Option<&Value>,
        own_texts: &BTreeSet<String>,
    ) {
        if given.is_none() && !value.is_table() && !self.follows_from(value, own_texts) {
            self.defaults.push(value.clone());
            self.defaults.dedup();
        }
        self.add_value(value, None, |shape, name, value| {
            let given = given.and_then(|given| given.get(name));
            shape.add_effective(value, given, own_texts);
        });
        if let Value::Array(list) = value {
            let elements = self.elements.get_or_insert_default();
            for (position, element) in list.iter().enumerate() {
                // An element has no default of its own; its keys may have.
                let given = given.and_then(|given| given.get(position));
                elements.add_effective(element, given.or(Some(element)), own_texts);
            }
        }
    }

    /// The keys that the reader knows and no document has.
    pub(super) fn collect_unseen(&self, key: &str, unseen: &mut Vec<String>) {
        if let Some(table) = &self.table {
            let missing = table.read.iter().filter(|name| !table.known.contains_key(*name));
            unseen.extend(missing.map(|name| key_below(key, name)));
            for (name, shape) in &table.known {
                shape.collect_unseen(&key_below(key, name), unseen);
            }
            table.chosen.iter().for_each(|it| it.collect_unseen(&key_below(key, "NAME"), unseen));
        }
        self.elements.iter().for_each(|it| it.collect_unseen(&format!("{key}[]"), unseen));
    }

    /// Whether a value is made from names and texts of the document itself, and no constant.
    fn follows_from(&self, value: &Value, own_texts: &BTreeSet<String>) -> bool {
        let is_keyword = self.expected.iter().flat_map(|it| forms(it)).any(|it| it.is_keyword());
        let mut texts = BTreeSet::new();
        collect_texts(value, &mut texts);
        !is_keyword && !texts.is_disjoint(own_texts)
    }

    fn add_value(
        &mut self,
        value: &Value,
        takes: Option<Members>,
        mut add: impl FnMut(&mut Self, &str, &Value),
    ) {
        match value {
            Value::Boolean(_) => self.truth = true,
            Value::Integer(integer) => drop(self.integers.insert(*integer)),
            Value::Float(_) => self.fraction = true,
            Value::String(text) => drop(self.texts.insert(text.clone())),
            Value::Table(members) => {
                let table = self
                    .table
                    .get_or_insert_with(|| TableShape::new(takes.unwrap_or(Members::OneOf)));
                for (name, value) in members {
                    add(table.member(name), name, value);
                }
            }
            Value::Array(_) | Value::Datetime(_) => {}
        }
    }
}

/// The names and texts of a value.
pub(super) fn collect_texts(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|element| collect_texts(element, texts)),
        Value::Table(table) => {
            for (name, member) in table {
                texts.insert(name.clone());
                collect_texts(member, texts);
            }
        }
        _ => {}
    }
}
