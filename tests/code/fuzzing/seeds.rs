//! Where mutations begin: the kept corpus, and the public test vectors where they are at hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::collections::collection;

/// One folder for each target. A seed is an input of the tests, or one that once failed.
pub(crate) const CORPUS: &str = "tests/code/fuzzing/corpus";

/// Larger vectors would cost more time than they show.
const MAX_BYTES: usize = 16 * 1024;

/// An input that a target is given as it is, and mutated.
pub(crate) struct Seed {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The seeds of a target; never none.
pub(crate) fn of(target: &str) -> Vec<Seed> {
    let mut seeds = files(&Path::new(CORPUS).join(target));
    assert!(!seeds.is_empty(), "{target} has no seeds");
    match target {
        "json" => seeds.extend(suite()),
        "jws" | "detached_jws" => seeds.extend(strings(is_compact)),
        "jwk_set" => seeds.extend(keys()),
        "config" => seeds.extend(files(Path::new("config"))),
        _ => {}
    }
    seeds.retain(|seed| seed.bytes.len() <= MAX_BYTES);
    seeds
}

fn files(folder: &Path) -> Vec<Seed> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let paths = paths.into_iter().filter(|path| path.is_file());
    paths
        .map(|path| Seed { name: path.display().to_string(), bytes: fs::read(path).unwrap() })
        .collect()
}

fn suite() -> Vec<Seed> {
    let folder = collection("json-test-suite");
    let folders = folder
        .iter()
        .flat_map(|folder| ["test_parsing", "test_transform"].map(|part| folder.join(part)));
    folders.flat_map(|folder| files(&folder)).collect()
}

/// Every compact serialisation, whole or detached, of the collections.
fn strings(is_wanted: fn(&str) -> bool) -> Vec<Seed> {
    select(|value| value.as_str().filter(|text| is_wanted(text)).map(str::to_owned))
}

fn is_compact(text: &str) -> bool {
    text.starts_with("ey") && (1..=2).contains(&text.matches('.').count())
}

/// Every key and key set of the collections.
fn keys() -> Vec<Seed> {
    select(|value| {
        (value.get("kty").is_some() || value.get("keys").is_some()).then(|| value.to_string())
    })
}

fn select(wanted: impl Fn(&Value) -> Option<String>) -> Vec<Seed> {
    let folders = ["jose-cookbook", "wycheproof"].into_iter().filter_map(collection);
    let documents = folders.flat_map(|folder| documents(&folder));
    let mut seeds = Vec::new();
    for Seed { name, bytes } in documents {
        let document = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{name}"));
        walk(&document, &mut |value| {
            let bytes = wanted(value).map(String::into_bytes);
            seeds.extend(bytes.map(|bytes| Seed { name: name.clone(), bytes }));
        });
    }
    seeds.sort_by(|one, other| one.bytes.cmp(&other.bytes));
    seeds.dedup_by(|one, other| one.bytes == other.bytes);
    seeds
}

fn walk(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| walk(element, visit)),
        Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
        _ => {}
    }
}

/// Every JSON document below a folder.
fn documents(folder: &Path) -> Vec<Seed> {
    let below = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files(folder);
    let is_json = |name: &str| Path::new(name).extension().is_some_and(|end| end == "json");
    found.retain(|file| is_json(&file.name));
    found.extend(below.filter(|path| path.is_dir()).flat_map(|path| documents(&path)));
    found
}
