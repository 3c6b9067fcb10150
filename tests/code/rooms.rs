//! The rooms of `src` and the arrows between them: a room may use those below it, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::sources::{self, code};

/// From the bottom to the top. What each room is for stands in `src/lib.rs`.
const ROOMS: &[&str] = &[
    "clock",
    "reason",
    "tasks",
    "bounded",
    "table",
    "json",
    "config",
    "readiness",
    "jose",
    "telemetry",
    "refresh",
    "tls",
    "fetch",
    "otel",
    "lookup",
    "listener",
    "resolver",
    "wire",
    "identity",
    "policy",
    "cors",
    "shared",
    "replay",
    "limits",
    "keys",
    "oauth_client",
    "introspection",
    "registry",
    "revocation",
    "upstream_credential",
    "providers",
    "token",
    "signature",
    "resource",
    "evidence",
    "gate",
    "decision",
    "memory",
    "upstream",
    "proxy",
    "admin",
    "settings",
    "lifecycle",
    "cli",
];

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
    let mut arrows = Vec::new();
    for file in sources::production() {
        let used = used_in(&file.code);
        let others = used.into_iter().filter(|used| *used != file.room);
        arrows.extend(others.map(|used| (file.room.clone(), used, file.path.clone())));
    }
    arrows
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

#[test]
fn every_room_has_its_floor() {
    let rooms: BTreeSet<_> = sources::production().into_iter().map(|file| file.room).collect();
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
                // use crate::cli;\nfn f() { crate::keys::x() }\n#[cfg(test)]\nmod tests {\n    use
                // crate::proxy;\n";
    let used: Vec<_> = used_in(&code(text)).into_iter().collect();
    assert_eq!(used, ["clock", "jose", "keys", "reason"]);
    assert!(arrows().len() > 100, "the arrows of the whole are not found");
}

/// What a room counts is only shown from the start if it is registered there.
#[test]
fn the_metrics_of_every_room_are_registered_at_the_start() {
    let files = sources::production();
    let is = |file: &&sources::Source, path: &str| file.path.ends_with(path);
    let start = files.iter().find(|file| is(file, "src/lifecycle/metrics.rs")).unwrap();
    let holders = files.iter().filter(|file| is(file, &format!("src/{}/metrics.rs", file.room)));
    let rooms: Vec<_> =
        holders.map(|file| file.room.as_str()).filter(|room| *room != "lifecycle").collect();
    assert!(rooms.len() > 10, "the rooms' metrics are not found: {rooms:?}");
    for room in rooms {
        let line = format!("{room}::Metrics::register(metrics);");
        assert!(start.code.contains(&line), "{room} is not registered by lifecycle/metrics.rs");
    }
}

/// A room that is larger holds more than one; a file that is longer, more than one idea.
#[test]
fn rooms_and_files_stay_small() {
    const LARGEST_ROOM: usize = 6_500;
    const LARGEST_CONFIG: usize = 3_500;
    const LONGEST_FILE: usize = 450;
    let mut rooms = BTreeMap::new();
    for file in sources::production() {
        let lines = file.code.lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines", file.path.display());
        *rooms.entry(file.room).or_insert(0) += lines;
    }
    for (room, lines) in &rooms {
        assert!(*lines <= LARGEST_ROOM, "{room}: {lines} lines");
    }
    assert!(rooms["config"] < LARGEST_CONFIG, "config is the reader of configurations and no more");
}
