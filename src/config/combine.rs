//! Several files as one tree.

use std::collections::btree_map::Entry;

use super::{
    error::{ConfigError, OtherPlace},
    key_path,
    node::{Node, Value},
};

/// Adds what another file says: tables are merged, and lists of tables (`[[routes]]`) joined. Any
/// other key in two files is a mistake, since no order of files would be obvious to a reader.
pub(super) fn combine(into: &mut Node, from: Node, mistakes: &mut Vec<ConfigError>) {
    add("", into, from, mistakes);
}

fn add(key: &str, into: &mut Node, from: Node, mistakes: &mut Vec<ConfigError>) {
    match (&mut into.value, from.value) {
        (Value::Table(present), Value::Table(members)) => {
            for (name, node) in members {
                match present.entry(name) {
                    Entry::Vacant(vacant) => drop(vacant.insert(node)),
                    Entry::Occupied(mut occupied) => {
                        let key = key_path::member(key, occupied.key());
                        add(&key, occupied.get_mut(), node, mistakes);
                    }
                }
            }
        }
        (Value::List(present), Value::List(mut more))
            if present.iter().chain(&more).all(|element| element.as_table().is_some()) =>
        {
            present.append(&mut more);
        }
        _ => {
            let message = "is set in two files; expected it in one of them".to_owned();
            let other = into.origin.as_ref().map(|at| OtherPlace::new(key.to_owned(), at));
            let mistake = ConfigError::new(key.to_owned(), from.origin.as_ref(), message);
            mistakes.push(ConfigError { other, ..mistake });
        }
    }
}
