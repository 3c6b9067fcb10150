//! `docs/threats.md` and the tests that it lists.
//!
//! A test shows the rows that its name begins with: `t19_…` shows T-19, `i11_k2_…` I-11 and K-2,
//! `inv4_…` INV-4. The last column of the document is generated from these names:
//!
//! ```sh
//! UPDATE_DOCS=1 cargo test --test code catalogue
//! ```

mod document;
mod row;
mod sources;

use std::{collections::BTreeSet, env, fs, path::Path};

use document::{Document, NOT_OVER_SOCKETS};
use row::Row;
use sources::{Layer, Sources};

const DOCUMENT: &str = "docs/threats.md";
const UPDATE: &str = "run `UPDATE_DOCS=1 cargo test --test code catalogue`";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> Document {
    Document::parse(&fs::read_to_string(root().join(DOCUMENT)).unwrap())
}

#[test]
fn every_row_lists_the_tests_that_show_it() {
    let (document, sources) = (document(), Sources::read(root()));
    let generated = document.with_tests(&sources);
    if env::var_os("UPDATE_DOCS").is_some() {
        // In one step, since the other tests read it at the same time.
        let fresh = root().join(DOCUMENT).with_extension("md.new");
        fs::write(&fresh, generated.text()).unwrap();
        fs::rename(fresh, root().join(DOCUMENT)).unwrap();
        return;
    }
    for (written, generated) in document.lines().zip(generated.lines()) {
        assert_eq!(written, generated, "\n{DOCUMENT} is out of date: {UPDATE}");
    }
}

#[test]
fn every_row_is_tested_over_sockets_or_says_why_not() {
    let (document, sources) = (document(), Sources::read(root()));
    let mut mistakes = Vec::new();
    for entry in document.entries() {
        let row = entry.row;
        let tested = sources.tests_of(row).any(|test| test.layer == Layer::Sockets);
        match (tested, entry.behaviour.contains(NOT_OVER_SOCKETS)) {
            (false, false) => mistakes.push(format!("{row}: no test over sockets, no reason")),
            (true, true) => mistakes.push(format!("{row}: tested over sockets, so no reason")),
            _ => {}
        }
    }
    assert!(mistakes.is_empty(), "{DOCUMENT}: {mistakes:#?}");
}

#[test]
fn every_row_that_the_sources_name_exists() {
    let rows: BTreeSet<Row> = document().entries().map(|entry| entry.row).collect();
    let sources = Sources::read(root());
    for test in &sources.tests {
        for row in &test.rows {
            assert!(rows.contains(row), "{} shows {row}: not in {DOCUMENT}", test.name);
        }
    }
    for row in document().cited() {
        assert!(rows.contains(&row), "{DOCUMENT} cites {row}");
    }
    for (row, place) in &sources.citations {
        assert!(rows.contains(row), "{place} cites {row}: not in {DOCUMENT}");
    }
}

#[test]
fn no_row_is_missing_between_two_others() {
    let rows: Vec<Row> = document().entries().map(|entry| entry.row).collect();
    for pair in rows.windows(2) {
        assert!(pair[1].follows(pair[0]), "{} after {}", pair[1], pair[0]);
    }
    assert!(rows.len() > 150, "{} rows", rows.len());
}

/// The other tests would pass if nothing were found.
#[test]
fn tests_and_citations_are_found() {
    let sources = Sources::read(root());
    let sockets = sources.tests.iter().filter(|test| test.layer == Layer::Sockets).count();
    assert!(sockets > 250, "{sockets} tests over sockets");
    assert!(sources.tests.len() > sockets + 250, "{} tests", sources.tests.len());
    assert!(sources.citations.len() > 100, "{} citations", sources.citations.len());
}
