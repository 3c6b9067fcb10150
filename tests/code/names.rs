//! One name, one thing: a type's name stands for one idea in the whole of `src`.

use std::collections::BTreeMap;

use super::sources;

/// The names of the types that some code defines: `struct`, `enum`, `trait`, `union` and `type`
/// that are no associated ones.
fn defined_in(code: &str) -> Vec<&str> {
    code.lines().filter_map(defined_by).collect()
}

fn defined_by(line: &str) -> Option<&str> {
    let line = match line.strip_prefix("pub(") {
        Some(restricted) => restricted.split_once(") ")?.1,
        None => line.strip_prefix("pub ").unwrap_or(line),
    };
    let (kind, rest) = line.split_once(' ')?;
    if !["struct", "enum", "trait", "union", "type"].contains(&kind) {
        return None;
    }
    rest.split(|char: char| !char.is_ascii_alphanumeric()).next()
}

#[test]
fn no_name_of_a_type_stands_for_two_things() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources::production() {
        for name in defined_in(&file.code) {
            places.entry(name.to_owned()).or_default().push(file.path.display().to_string());
        }
    }
    assert!(places.len() > 300, "the types are not found");
    // Each room's own metrics, which no room uses of another.
    places.remove("Metrics");
    let twice: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn definitions_are_found_where_they_stand() {
    let code = "pub struct A<'a> {\npub(in crate::x) enum B {\ntrait C: Send {\n    type D = u8;\n\
                pub(super) type E = u8;\nfn f() -> F {\n";
    assert_eq!(defined_in(code), ["A", "B", "C", "E"]);
}
