//! The published schema, as `PyPI`'s `check-jsonschema` reads it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{countersign, stdout};
use crate::independent_signers::library;

const MISTAKEN: &str = include_str!("../../../src/settings/tests/schema/mistaken.txt");

const SOUND: &str = r#"
upstreams.app.url = "http://127.0.0.1:3000"
issuers.corp = { issuer = "https://idp.example.com", audiences = ["https://api.example.com"] }
routes = [{ path = "/**" }]
"#;

fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn schema() -> PathBuf {
    config().join("countersign.schema.json")
}

/// `None`, with a notice, where the machine has no Python with it.
fn check_jsonschema(arguments: &[&str], files: &[PathBuf]) -> Option<Output> {
    let python = library::python()?;
    let mut command = Command::new(python.with_file_name("check-jsonschema"));
    Some(command.args(arguments).args(files).output().unwrap())
}

fn schema_argument() -> String {
    format!("--schemafile={}", schema().display())
}

#[test]
fn what_is_printed_is_what_is_published() {
    let printed = countersign(&["schema"]);
    assert_eq!(stdout(&printed), fs::read_to_string(schema()).unwrap());
}

#[test]
fn the_schema_is_one() {
    let Some(output) = check_jsonschema(&["--check-metaschema"], &[schema()]) else { return };
    assert!(output.status.success(), "{}", stdout(&output));
}

/// The shipped files, in all three formats, each of which names the schema.
#[test]
fn every_shipped_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(config()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&entry).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(first, "#:schema ./countersign.schema.json", "{}", entry.display());
        // JSON is YAML as well.
        let json = serde_json::to_string(&text.parse::<toml::Table>().unwrap()).unwrap();
        let stem = entry.file_stem().unwrap().to_str().unwrap();
        for name in [format!("{stem}.json"), format!("{stem}.yaml")] {
            files.push(folder.path().join(name));
            fs::write(files.last().unwrap(), &json).unwrap();
        }
        files.push(entry);
    }
    assert!(files.len() >= 39, "{files:?}");
    let Some(output) = check_jsonschema(&[&schema_argument()], &files) else { return };
    assert!(output.status.success(), "{}", stdout(&output));
}

#[test]
fn every_mistaken_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<&str> = MISTAKEN.lines().filter(|line| !line.starts_with('#')).collect();
    let file = |number: usize| folder.path().join(format!("mistake-{number}.json"));
    for (number, line) in lines.iter().enumerate() {
        let mut document: toml::Table = SOUND.parse().unwrap();
        merge(&mut document, line.parse().unwrap());
        fs::write(file(number), serde_json::to_string(&document).unwrap()).unwrap();
    }
    let files: Vec<PathBuf> = (0..lines.len()).map(file).collect();
    let arguments = ["--output-format=json", &schema_argument()];
    let Some(output) = check_jsonschema(&arguments, &files) else { return };
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["errors"].as_array().unwrap();
    for (number, line) in lines.iter().enumerate() {
        let name = format!("mistake-{number}.json");
        let is_found = |error: &serde_json::Value| {
            error["filename"].as_str().unwrap().ends_with(&format!("/{name}"))
        };
        assert!(found.iter().any(is_found), "it accepts {line}");
    }
}

fn merge(below: &mut toml::Table, above: toml::Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => drop(below.insert(name, value)),
        }
    }
}
