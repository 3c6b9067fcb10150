//! The published JSON Schema: made from what the reader accepts, so that neither can change alone.
//!
//! ```sh
//! UPDATE_DOCS=1 cargo test --lib schema      # writes it
//! ```
//!
//! Each key that the reader knows is in `every_key.toml` or `schema/forms.toml`. What it expects
//! there is what it answers to a value of another type; defaults are those of the effective
//! configuration.

mod comments;
mod emit;
mod phrases;
mod probes;
mod shape;
mod validator;

use std::{collections::BTreeSet, env, fs, path::PathBuf, sync::LazyLock};

use toml::{Table, Value};

use super::{MINIMAL, Workspace, round_trip::documents};
use comments::Comments;
use probes::Probes;
use shape::{Shape, collect_texts};
use validator::Validator;

static PUBLISHED: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::from_str(&read("config/countersign.schema.json")).unwrap());
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator::new(PUBLISHED.clone()));

/// What the reader knows only to say what is wrong with it.
const ALWAYS_REFUSED: &[&str] = &["signatures.NAME.keys.secret_file"];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file beside this one.
fn own(name: &str) -> String {
    read(&format!("src/settings/tests/schema/{name}"))
}

fn is_updated() -> bool {
    env::var_os("UPDATE_DOCS").is_some()
}

/// Every configuration that a test of the settings loads has to pass the schema.
pub(super) fn assert_accepts(text: &str) {
    if is_updated() {
        return;
    }
    let document = serde_json::to_value(text.parse::<Table>().unwrap()).unwrap();
    if let Some(mistake) = VALIDATOR.mistake(&document) {
        panic!("the schema refuses what the reader accepts: {mistake}\n{text}");
    }
}

/// The documents that have every key, and what the reader says of each.
fn observed() -> Shape {
    let workspace = Workspace::new();
    let folder = workspace.path().to_str().unwrap().to_owned();
    let forms: Table = own("forms.toml").replace("DIR", &folder).parse().unwrap();
    let documents: Vec<Table> =
        documents(&workspace).into_iter().chain([forms, MINIMAL.parse().unwrap()]).collect();
    let mut shape = Shape::default();
    for document in &documents {
        let probes = Probes::of(&workspace, document);
        shape.add("", &document.clone().into(), &probes);
    }
    for document in documents {
        let loaded = workspace.load(&document.to_string()).unwrap_or_else(|it| panic!("{it}"));
        let effective: Value = loaded.to_toml().parse::<Table>().unwrap().into();
        let given = document.into();
        let mut own_texts = BTreeSet::new();
        collect_texts(&given, &mut own_texts);
        shape.add_effective(&effective, Some(&given), &own_texts);
    }
    shape
}

#[test]
fn the_published_schema_is_what_the_reader_accepts() {
    let observed = observed();
    let mut unseen = Vec::new();
    observed.collect_unseen("", &mut unseen);
    unseen.retain(|key| !ALWAYS_REFUSED.contains(&key.as_str()));
    assert!(unseen.is_empty(), "add them to every_key.toml or schema/forms.toml: {unseen:#?}");
    let schema = emit::schema(&observed, &Comments::read());
    let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if is_updated() {
        let fresh = path("config/countersign.schema.json.new");
        fs::write(&fresh, generated).unwrap();
        fs::rename(fresh, path("config/countersign.schema.json")).unwrap();
        return;
    }
    let published = read("config/countersign.schema.json");
    assert!(published == generated, "run `UPDATE_DOCS=1 cargo test --lib schema`");
}

/// What an editor shows while one types.
#[test]
fn every_key_has_a_description() {
    let mut missing = Vec::new();
    collect_missing(&PUBLISHED, "", &mut missing);
    assert!(missing.is_empty(), "add them to schema/descriptions.toml: {missing:#?}");
}

fn collect_missing(schema: &serde_json::Value, at: &str, missing: &mut Vec<String>) {
    let alternatives = schema.get("anyOf").and_then(|it| it.as_array());
    for schema in alternatives.map_or_else(|| vec![schema], |it| it.iter().collect()) {
        for group in ["properties", "patternProperties"] {
            for (name, member) in
                schema.get(group).and_then(|it| it.as_object()).into_iter().flatten()
            {
                let at = format!("{at}.{name}");
                if member.get("description").is_none() {
                    missing.push(at.clone());
                }
                collect_missing(member, &at, missing);
            }
        }
        let below = ["additionalProperties", "items"].into_iter().filter_map(|it| schema.get(it));
        for below in below {
            collect_missing(below, &format!("{at}.*"), missing);
        }
    }
}

/// One mistake a line: the section that is added to a sound configuration.
#[test]
fn what_the_reader_refuses_for_its_form_the_schema_refuses() {
    let workspace = Workspace::new();
    let mistaken = own("mistaken.txt");
    let lines: Vec<&str> = mistaken.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() >= 50, "{}", lines.len());
    for line in lines {
        let mut document: Table = MINIMAL.parse().unwrap();
        merge(&mut document, line.parse().unwrap_or_else(|it| panic!("{line}: {it}")));
        let text = document.to_string();
        assert!(workspace.load(&text).is_err(), "the reader accepts {line}");
        let document = serde_json::to_value(document).unwrap();
        assert!(VALIDATOR.mistake(&document).is_some(), "the schema accepts {line}");
    }
}

fn merge(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(below.insert(name, value)),
        }
    }
}
