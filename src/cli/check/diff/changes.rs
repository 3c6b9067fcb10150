//! The differences between two effective configurations: by route, by name, and the rest.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::direction::{Direction, direction};
use crate::settings::Settings;

/// Sections whose entries have names.
const NAMED: &[&str] =
    &["issuers", "resources", "signatures", "limits", "upstreams", "upstream_credentials"];
/// What is no entry of a section with names.
const OTHERS: &str = "settings";
/// A value is cut behind so many characters.
const MAX_SHOWN_CHARS: usize = 120;
const HIDDEN: &str = "(a value in a variable or a file)";

/// What has changed of one entry.
#[derive(Debug)]
pub(super) struct Change {
    /// `routes`, `issuers`, …
    pub(super) section: &'static str,
    /// The entry; empty for settings without one.
    pub(super) name: String,
    pub(super) what: EntryChange,
}

#[derive(Debug)]
pub(super) enum EntryChange {
    Added(String),
    Removed(String),
    Edited(Vec<Edit>),
}

/// A setting with another value.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) key: String,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) direction: Option<Direction>,
}

impl Change {
    /// Of each difference, whether it lets more or less pass.
    pub(super) fn directions(&self) -> Vec<Option<Direction>> {
        match &self.what {
            EntryChange::Edited(edits) => edits.iter().map(|edit| edit.direction).collect(),
            _ => vec![None],
        }
    }
}

/// Every difference: routes first, then what they refer to.
pub(super) fn between(old: &Settings, new: &Settings) -> Vec<Change> {
    let (mut old, mut new) = (Tree::of(old), Tree::of(new));
    let mut changes = Vec::new();
    for section in ["routes", "listeners"] {
        compare(section, old.take_list(section), new.take_list(section), &mut changes);
    }
    for section in NAMED {
        compare(section, old.take_entries(section), new.take_entries(section), &mut changes);
    }
    let edits = edits(OTHERS, &old.rest(), &new.rest());
    if !edits.is_empty() {
        let what = EntryChange::Edited(edits);
        changes.push(Change { section: OTHERS, name: String::new(), what });
    }
    changes
}

fn compare(
    section: &'static str,
    old: BTreeMap<String, ComparedEntry>,
    mut new: BTreeMap<String, ComparedEntry>,
    changes: &mut Vec<Change>,
) {
    for (name, old) in old {
        let what = match new.remove(&name) {
            None => EntryChange::Removed(old.summary(section)),
            Some(new) => match edits(section, &old, &new) {
                edits if edits.is_empty() => continue,
                edits => EntryChange::Edited(edits),
            },
        };
        changes.push(Change { section, name, what });
    }
    for (name, new) in new {
        let what = EntryChange::Added(new.summary(section));
        changes.push(Change { section, name, what });
    }
}

fn edits(section: &str, old: &ComparedEntry, new: &ComparedEntry) -> Vec<Edit> {
    let added = new.values.keys().filter(|key| !old.values.contains_key(*key));
    let keys = old.values.keys().chain(added);
    let changed = keys.filter(|key| old.values.get(*key) != new.values.get(*key));
    changed
        .map(|key| {
            let (was, is) = (old.values.get(key), new.values.get(key));
            let (shown_old, shown_new) = (old.show(key), new.show(key));
            let hidden = shown_old == shown_new;
            let show = |shown: String| if hidden { HIDDEN.to_owned() } else { shown };
            Edit {
                key: key.clone(),
                old: show(shown_old),
                new: show(shown_new),
                direction: direction(&format!("{section}.{key}"), was, is),
            }
        })
        .collect()
}

/// The settings of one entry by their dotted keys.
#[derive(Debug, Default)]
struct ComparedEntry {
    /// What counts.
    values: BTreeMap<String, Value>,
    /// What may be shown: references instead of what stands in variables and files.
    shown: BTreeMap<String, Value>,
}

impl ComparedEntry {
    fn of(values: &Value, shown: &Value) -> Self {
        let mut entry = Self::default();
        flatten("", values, &mut entry.values);
        flatten("", shown, &mut entry.shown);
        entry
    }

    fn show(&self, key: &str) -> String {
        let Some(value) = self.shown.get(key) else { return "absent".to_owned() };
        let text = value.to_string();
        let end = text.char_indices().nth(MAX_SHOWN_CHARS).map(|(at, _)| at);
        match end.and_then(|end| text.get(..end)) {
            Some(start) => format!("{start}…"),
            None => text,
        }
    }

    /// Who may use a route.
    fn summary(&self, section: &str) -> String {
        if section != "routes" {
            return String::new();
        }
        if self.values.contains_key("redirect.to") {
            return format!("redirect to {}", self.show("redirect.to"));
        }
        let needs = ["issuers", "scopes", "any_scopes"]
            .iter()
            .filter(|key| self.values.contains_key(**key));
        let needs: Vec<String> = needs.map(|key| format!("{key} {}", self.show(key))).collect();
        let access = self.values.get("access").and_then(Value::as_str).unwrap_or("protected");
        [vec![access.to_owned()], needs].concat().join(", ")
    }

    /// What a route matches.
    fn places(&self) -> String {
        let texts = |key: &str| {
            let list = self.values.get(key).and_then(Value::as_array);
            let texts: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
            texts.join(",")
        };
        let text = |key: &str| self.values.get(key).and_then(Value::as_str).unwrap_or_default();
        let methods = texts("methods");
        let space = if methods.is_empty() { "" } else { " " };
        format!("{methods}{space}{}{}{}", texts("hosts"), text("path"), text("listen"))
    }
}

/// Lists are values: what they mean is decided as a whole.
fn flatten(key: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Table(members) => {
            for (name, member) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, member, leaves);
            }
        }
        leaf => drop(leaves.insert(key.to_owned(), leaf.clone())),
    }
}

/// A whole configuration, of which sections are taken.
struct Tree {
    values: Table,
    shown: Table,
}

impl Tree {
    fn of(settings: &Settings) -> Self {
        let table = |value| if let Value::Table(table) = value { table } else { Table::new() };
        Self { values: table(settings.written()), shown: table(settings.written_as_shown()) }
    }

    fn take(&mut self, section: &str) -> (Value, Value) {
        let take = |tree: &mut Table| tree.remove(section).unwrap_or(Value::Array(Vec::new()));
        (take(&mut self.values), take(&mut self.shown))
    }

    fn take_entries(&mut self, section: &str) -> BTreeMap<String, ComparedEntry> {
        let (Value::Table(values), shown) = self.take(section) else { return BTreeMap::new() };
        let entries = values.iter().map(|(name, values)| {
            let shown = shown.get(name).unwrap_or(&Value::Boolean(false));
            (name.clone(), ComparedEntry::of(values, shown))
        });
        entries.collect()
    }

    /// The tables of a list, by their name or by what they match.
    fn take_list(&mut self, section: &str) -> BTreeMap<String, ComparedEntry> {
        let (values, shown) = self.take(section);
        let (Value::Array(values), Value::Array(shown)) = (values, shown) else {
            return BTreeMap::new();
        };
        let mut entries = BTreeMap::new();
        for (values, shown) in values.iter().zip(&shown) {
            let entry = ComparedEntry::of(values, shown);
            let given = entry.values.get("name").and_then(Value::as_str);
            let mut name = given.map_or_else(|| entry.places(), str::to_owned);
            // The same place on another listener.
            while entries.contains_key(&name) {
                name.push('\'');
            }
            entries.insert(name, entry);
        }
        entries
    }

    fn rest(self) -> ComparedEntry {
        ComparedEntry::of(&Value::Table(self.values), &Value::Table(self.shown))
    }
}
