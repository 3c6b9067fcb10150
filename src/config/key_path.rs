//! Dotted names of keys: `issuers.corp.audiences[0]`.

use super::node::{Node, Value};

/// The name of a member. A name that is no bare key is quoted, as in TOML.
pub(crate) fn member(parent: &str, name: &str) -> String {
    let bare = !name.is_empty()
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-');
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}

/// The name of an element of a list.
pub(crate) fn element(parent: &str, position: usize) -> String {
    format!("{parent}[{position}]")
}

/// The node with that name, or the last one on the way that there is; never the root itself.
pub(crate) fn find<'n>(root: &'n Node, key: &str) -> Option<&'n Node> {
    walk(root, key).0
}

/// The node with exactly that name.
pub(crate) fn find_exactly<'n>(root: &'n Node, key: &str) -> Option<&'n Node> {
    let (found, rest) = walk(root, key);
    found.filter(|_| rest.is_empty())
}

/// The last node on the way, and what is left of the name.
fn walk<'n, 'k>(root: &'n Node, key: &'k str) -> (Option<&'n Node>, &'k str) {
    let mut found = None;
    let (mut node, mut rest) = (root, key);
    while let Some((next, after)) = step(node, rest) {
        found = Some(next);
        (node, rest) = (next, after);
    }
    (found, rest)
}

/// One step down.
fn step<'n, 'k>(node: &'n Node, key: &'k str) -> Option<(&'n Node, &'k str)> {
    let key = key.strip_prefix('.').unwrap_or(key);
    match &node.value {
        Value::List(list) => {
            let (position, rest) = key.strip_prefix('[')?.split_once(']')?;
            Some((list.get(position.parse::<usize>().ok()?)?, rest))
        }
        // The longest name wins: those of headers may have dots in them, unquoted.
        Value::Table(members) => members
            .iter()
            .filter_map(|(name, node)| Some((name.len(), node, after_name(key, name)?)))
            .max_by_key(|(length, ..)| *length)
            .map(|(_, node, rest)| (node, rest)),
        _ => None,
    }
}

/// What follows a name at the start of a key.
fn after_name<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    let rest = if key.starts_with('"') {
        key.strip_prefix(format!("{name:?}").as_str())?
    } else {
        key.strip_prefix(name)?
    };
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}
