//! The rooms of `src` and the arrows between them: a room may use those below it, and no other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From the bottom to the top. What each room is for stands in `src/lib.rs`.
const ROOMS: &[&str] = &[
    "byte_order_mark",
    "clock",
    "reason",
    "bounded",
    "readiness",
    "jose",
    "config",
    "telemetry",
    "tls",
    "fetch",
    "listener",
    "identity",
    "policy",
    "shared",
    "replay",
    "keys",
    "oauth_client",
    "introspection",
    "registry",
    "revocation",
    "providers",
    "token",
    "signature",
    "evidence",
    "gate",
    "decision",
    "proxy",
    "admin",
    "settings",
    "lifecycle",
    "cli",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room that a file is in: the first part of its path below `src`.
fn room_of(file: &Path) -> String {
    let below = file.strip_prefix(src()).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// A file without its comments and unit tests, which may look where they like.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that some code names by `crate::ROOM`, or within `use crate::{…}`.
fn used_in(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let behind = &code[at + "crate::".len()..];
        match behind.strip_prefix('{') {
            Some(list) => rooms.extend(first_names(list)),
            None => rooms.extend(name(behind)),
        }
    }
    rooms
}

/// The first names of the paths of a `{…}` list, whose opening brace is behind.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            char if begins && !char.is_whitespace() => {
                names.extend(name(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let name = &text[..end.unwrap_or(text.len())];
    name.starts_with(|first: char| first.is_ascii_lowercase()).then(|| name.to_owned())
}

/// Every arrow between two rooms, with a file that draws it.
fn arrows() -> Vec<(String, String, PathBuf)> {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let of_production = files.iter().filter(|file| {
        let below = file.strip_prefix(src()).unwrap();
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        !parts.iter().any(|part| matches!(&**part, "tests" | "tests.rs" | "testing" | "testing.rs"))
    });
    let mut arrows = Vec::new();
    for file in of_production {
        let user = room_of(file);
        let used = used_in(&code(&fs::read_to_string(file).unwrap()));
        let others = used.into_iter().filter(|used| *used != user);
        arrows.extend(others.map(|used| (user.clone(), used, file.clone())));
    }
    arrows
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

#[test]
fn every_room_has_its_floor() {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let rooms: BTreeSet<_> = files.iter().map(|file| room_of(file)).collect();
    let without: Vec<_> = rooms
        .iter()
        .filter(|room| !["lib", "main"].contains(&room.as_str()) && floor(room).is_none())
        .collect();
    assert!(without.is_empty(), "say in tests/code/rooms.rs on which floor they are: {without:?}");
    let gone: Vec<_> = ROOMS.iter().filter(|room| !rooms.contains(**room)).collect();
    assert!(gone.is_empty(), "no such room: {gone:?}");
}

#[test]
fn no_room_uses_one_above_it() {
    let is_upwards = |user: &str, used: &str| floor(used) >= floor(user);
    let found: Vec<_> = arrows()
        .into_iter()
        .filter(|(user, used, _)| floor(used).is_some() && is_upwards(user, used))
        .map(|(user, used, file)| format!("{user} -> {used} in {}", file.display()))
        .collect();
    assert!(found.is_empty(), "these point upwards:\n{}", found.join("\n"));
}

#[test]
fn the_arrows_are_found_where_they_stand() {
    let text = "use crate::{\n    clock::{self, Clock},\n    jose::Json,\n};\nuse crate::reason::Reason;\n\
                // use crate::cli;\nfn f() { crate::keys::x() }\n#[cfg(test)]\nmod tests {\n    use crate::proxy;\n";
    let used: Vec<_> = used_in(&code(text)).into_iter().collect();
    assert_eq!(used, ["clock", "jose", "keys", "reason"]);
    assert!(arrows().len() > 100, "the arrows of the whole are not found");
}
