//! `docs/metrics.md` lists every family of metrics: name, type, labels, unit and meaning as the
//! program has them. What to do with a family, and the order, are written by hand.
//!
//! ```sh
//! UPDATE_DOCS=1 cargo test --test code metrics
//! ```

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use countersign::{lifecycle::metric_families, telemetry::FamilyDescription};

const UPDATE: &str = "run `UPDATE_DOCS=1 cargo test --test code metrics`, and say in the last \
                      column what to do with what is new";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")
}

/// The name in the first column of a row.
fn family_of(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name)
}

fn use_of(line: &str) -> &str {
    let cells = line.trim_end_matches(" |").rsplit_once(" | ");
    cells.map_or("", |(_, last)| last.trim())
}

fn row(family: &FamilyDescription, usage: &str) -> String {
    let FamilyDescription { name, kind, labels, help } = family;
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    let unit = family.unit().unwrap_or("");
    let cells = [&*format!("`{name}`"), kind.name(), &labels.join(", "), unit, help, usage];
    format!("| {} |", cells.join(" | ")).replace("|  |", "| |").replace("|  |", "| |")
}

#[test]
fn every_family_is_listed_as_it_is() {
    let families = metric_families();
    let text = fs::read_to_string(page()).unwrap();
    let find = |name: &str| families.iter().find(|family| family.name == name);
    let generated = text.lines().filter_map(|line| match family_of(line) {
        None => Some(line.to_owned()),
        Some(name) => find(name).map(|family| row(family, use_of(line))),
    });
    let mut generated: Vec<_> = generated.collect();
    let listed: BTreeSet<_> = text.lines().filter_map(family_of).collect();
    let missing = families.iter().filter(|family| !listed.contains(&*family.name));
    generated.extend(missing.map(|family| row(family, "")));
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(page(), generated.join("\n") + "\n").unwrap();
        return;
    }
    for (written, generated) in text.lines().zip(&generated) {
        assert_eq!(written, generated, "\n{UPDATE}");
    }
    assert_eq!(text.lines().count(), generated.len(), "{UPDATE}: {:#?}", generated.last());
}

#[test]
fn every_row_says_what_to_do_and_is_there_once() {
    let text = fs::read_to_string(page()).unwrap();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = family_of(line) {
            assert!(seen.insert(name), "{name} is listed twice");
            assert!(use_of(line).len() > 10, "{UPDATE}: {line}");
        }
    }
    assert!(seen.len() > 60, "only {} families are found", seen.len());
}

/// Metrics that other pages name, alerts among them, exist.
#[test]
fn every_metric_that_a_page_names_exists() {
    let known: BTreeSet<_> = metric_families().into_iter().map(|family| family.name).collect();
    let pages = fs::read_dir(page().parent().unwrap()).unwrap().map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|extension| extension == "md"));
    let mut found = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = text.split(|character| !is_word(character));
        for name in words.filter(|word| word.starts_with("countersign_") && !word.ends_with('_')) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it));
            let is_known = known.contains(name) || base.is_some_and(|base| known.contains(base));
            assert!(is_known, "{}: {name}", page.display());
            found += 1;
        }
    }
    assert!(found > 80, "only {found} names are found");
}
