//! What the reader says when something else stands in a configuration.
//!
//! Every mistake of a file is reported at once, so few readings answer for all of its keys.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::super::{
    Workspace,
    round_trip::{Step, all_ways, at},
};
use crate::config::ConfigError;

/// A key that no table has.
const UNKNOWN: &str = "not_known_at_all";
/// What no issuer, upstream or the like may be called.
const NO_NAME: &str = "not a name";

/// How a table takes its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    /// These names and no others.
    Known,
    /// One of some names.
    OneOf,
    /// Names that the operator chooses.
    Chosen,
    /// Names that the operator chooses, of letters, digits, `-` and `_`.
    Named,
}

/// The reader's answers about one document, by the whole key that they are about.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// What is expected in place of a value.
    pub(super) expected: BTreeMap<String, String>,
    /// The tables.
    pub(super) members: BTreeMap<String, Members>,
    /// The names that the reader knows in a table.
    pub(super) read: BTreeMap<String, Vec<String>>,
    /// Tables in lists that were emptied.
    pub(super) emptied: BTreeSet<String>,
    /// The keys that were missing then.
    pub(super) missing: BTreeSet<String>,
}

impl Probes {
    pub(super) fn of(workspace: &Workspace, document: &Table) -> Self {
        let mut probes = Self::default();
        let ways: Vec<Way> =
            all_ways(document).into_iter().map(|way| Way::new(document, way)).collect();
        probes.probe_tables(workspace, document, &ways);
        // Values first; then whole lists and tables, below which nothing could be replaced.
        for is_replaced in [Way::is_leaf, Way::is_list, Way::is_flat_table] {
            let replaced: Vec<&Way> = ways.iter().filter(|way| is_replaced(way)).collect();
            for mistake in wrong_types(workspace, document, &replaced) {
                if let Some(way) = replaced.iter().find(|way| way.key == mistake.key) {
                    probes.expect(way, &mistake.message);
                }
            }
        }
        probes.probe_hidden(workspace, document, &ways);
        probes.probe_missing(workspace, document, &ways);
        probes
    }

    /// What hid others by being replaced at the same time, or is a part of what the reader takes as
    /// a whole: of each table or list one value at a time.
    fn probe_hidden(&mut self, workspace: &Workspace, document: &Table, ways: &[Way]) {
        let leaves = ways.iter().filter(|way| way.is_leaf());
        let mut hidden: Vec<&Way> =
            leaves.filter(|way| !self.expected.contains_key(&way.key)).collect();
        while !hidden.is_empty() {
            let mut places = BTreeSet::new();
            let (round, later): (Vec<&Way>, Vec<&Way>) =
                hidden.into_iter().partition(|way| places.insert(around(&way.key).last()));
            let mistakes = wrong_types(workspace, document, &round);
            for way in round {
                let mut places = around(&way.key).chain([way.key.as_str()]).collect::<Vec<_>>();
                places.reverse();
                let at = |place: &&str| mistakes.iter().find(|it| it.key == *place);
                if let Some(mistake) = places.iter().find_map(at) {
                    self.expect(way, &mistake.message);
                }
            }
            hidden = later;
        }
    }

    /// Of tables in lists only: what another table needs may come from the environment or a flag.
    fn probe_missing(&mut self, workspace: &Workspace, document: &Table, ways: &[Way]) {
        let is_element = |way: &&Way| matches!(way.steps.last(), Some(Step::Position(_)));
        let tables: Vec<&Way> = ways.iter().filter(|way| way.value.is_table()).collect();
        let elements: Vec<&Way> = tables.into_iter().filter(is_element).collect();
        let mistakes = mistakes(workspace, document, &elements, |value| {
            *value = Value::Table(Table::new());
        });
        let missing = mistakes.into_iter().filter(|it| it.message.starts_with("missing; "));
        self.missing.extend(missing.map(|mistake| mistake.key));
        self.emptied.extend(elements.iter().map(|way| way.key.clone()));
    }

    /// Notes a message, if it is about what stands in place of the value.
    fn expect(&mut self, way: &Way, message: &str) {
        let found = format!("found {}, expected ", wrong_type(&way.value));
        if let Some(expected) = message.strip_prefix(&found) {
            self.expected.entry(way.key.clone()).or_insert_with(|| expected.to_owned());
        }
    }

    fn probe_tables(&mut self, workspace: &Workspace, document: &Table, ways: &[Way]) {
        let tables: Vec<&Way> = ways.iter().filter(|way| way.value.is_table()).collect();
        let mistakes = mistakes(workspace, document, &tables, |value| {
            let table = value.as_table_mut().unwrap();
            table.extend([UNKNOWN, NO_NAME].map(|name| (name.to_owned(), Value::from(1))));
        });
        for way in tables {
            self.members.insert(way.key.clone(), members(&way.key, &mistakes));
            self.read.insert(way.key.clone(), names_read(&way.key, &mistakes));
        }
    }
}

/// A value of a type that does not fit.
fn wrong_type(value: &Value) -> Value {
    if value.is_bool() { Value::Float(-7.5) } else { Value::Boolean(true) }
}

/// The mistakes of a document where some values have another type.
fn wrong_types(workspace: &Workspace, document: &Table, ways: &[&Way]) -> Vec<ConfigError> {
    mistakes(workspace, document, ways, |value| *value = wrong_type(value))
}

/// What the mistakes about two further members say of a table.
fn members(key: &str, mistakes: &[ConfigError]) -> Members {
    let says = |key: &str, text: &str| {
        mistakes.iter().any(|it| it.key == key && it.message.contains(text))
    };
    let unknown = key_below(key, UNKNOWN);
    if says(&unknown, "unknown key") {
        return Members::Known;
    }
    if says(&key_below(key, NO_NAME), "the name \"not a name\" must be") {
        return Members::Named;
    }
    // A table that is the value of a key is refused as a whole, or with the list around it.
    let is_whole = |whole: &str| {
        let about = |it: &&ConfigError| it.key == whole;
        let mut about = mistakes.iter().filter(about);
        about.any(|it| {
            ["expected ", "unknown key "].iter().any(|begin| it.message.starts_with(begin))
        })
    };
    if !says(&unknown, "") && (is_whole(key) || around(key).any(is_whole)) {
        return Members::OneOf;
    }
    Members::Chosen
}

/// The names that the reader lists where it meets an unknown one.
fn names_read(key: &str, mistakes: &[ConfigError]) -> Vec<String> {
    let unknown = key_below(key, UNKNOWN);
    let mut about = mistakes.iter().filter(|it| it.key == unknown);
    let listed = about.find_map(|it| it.message.split_once("known here: "));
    listed.map_or_else(Vec::new, |(_, names)| names.split(", ").map(str::to_owned).collect())
}

/// The keys of what is around a key, up to a name that is no place in a list.
fn around(key: &str) -> impl Iterator<Item = &str> {
    key.char_indices().filter(|(_, char)| matches!(char, '.' | '[')).map(|(at, _)| &key[..at])
}

/// The mistakes of a document in which something is replaced.
fn mistakes(
    workspace: &Workspace,
    document: &Table,
    ways: &[&Way],
    replace: impl Fn(&mut Value),
) -> Vec<ConfigError> {
    let mut root = Value::from(document.clone());
    for way in ways {
        replace(at(&mut root, &way.steps));
    }
    workspace.load(&root.as_table().unwrap().to_string()).err().map_or_else(Vec::new, |it| it.0)
}

/// A value of a document, and where it is.
struct Way {
    steps: Vec<Step>,
    key: String,
    value: Value,
}

impl Way {
    fn new(document: &Table, steps: Vec<Step>) -> Self {
        let value = at(&mut document.clone().into(), &steps).clone();
        let key = steps.iter().fold(String::new(), |key, step| match step {
            Step::Name(name) => key_below(&key, name),
            Step::Position(position) => format!("{key}[{position}]"),
        });
        Self { steps, key, value }
    }

    fn is_leaf(&self) -> bool {
        !self.value.is_table() && !self.value.is_array()
    }

    fn is_list(&self) -> bool {
        let of_tables = |list: &Vec<Value>| list.iter().all(Value::is_table);
        self.value.as_array().is_some_and(|list| !of_tables(list))
    }

    /// Without tables in it.
    fn is_flat_table(&self) -> bool {
        let table = self.value.as_table();
        table.is_some_and(|table| !table.values().any(Value::is_table)) && self.steps.len() > 1
    }
}

/// As messages write it.
pub(super) fn key_below(key: &str, name: &str) -> String {
    let bare = !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if key.is_empty() { name } else { format!("{key}.{name}") }
}
