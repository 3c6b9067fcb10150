//! `docs/threats.md`: lines of text, some of which are rows of tables.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    row::Row,
    sources::{self, Layer, Sources, Test},
};

/// What the reason begins with where a row has no test over sockets.
pub(crate) const NOT_OVER_SOCKETS: &str = "*Not over sockets:*";

/// The document, line by line.
#[derive(Debug)]
pub(crate) struct Document(Vec<String>);

/// A row of a table: `| T-1 | attack | behaviour | tests |`.
#[derive(Debug)]
pub(crate) struct Entry<'d> {
    pub(crate) row: Row,
    attack: &'d str,
    pub(crate) behaviour: &'d str,
}

impl Document {
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().map(str::to_owned).collect())
    }

    pub(crate) fn text(&self) -> String {
        self.0.join("\n") + "\n"
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.lines().filter_map(Entry::parse)
    }

    /// The rows that the text names.
    pub(crate) fn cited(&self) -> impl Iterator<Item = Row> {
        self.lines().flat_map(sources::cited)
    }

    /// The same document with the last column as the sources are.
    pub(crate) fn with_tests(&self, sources: &Sources) -> Self {
        let line = |line: &str| match Entry::parse(line) {
            Some(entry) => entry.with_tests(&tests(sources.tests_of(entry.row))),
            None => line.to_owned(),
        };
        Self(self.lines().map(line).collect())
    }
}

impl<'d> Entry<'d> {
    /// `None` for any other line. A cell holds no `|`.
    fn parse(line: &'d str) -> Option<Self> {
        let mut cells = line.strip_prefix("| ")?.split(" |").map(str::trim);
        let row = Row::parse(cells.next()?)?;
        let (attack, behaviour) = (cells.next()?, cells.next()?);
        Some(Self { row, attack, behaviour })
    }

    fn with_tests(&self, tests: &str) -> String {
        let Self { row, attack, behaviour } = self;
        format!("| {row} | {attack} | {behaviour} | {tests} |")
    }
}

/// The last column: each test over sockets by its name, unit tests as a number for each file.
fn tests<'s>(all: impl Iterator<Item = &'s Test>) -> String {
    let (sockets, unit): (Vec<&Test>, Vec<&Test>) =
        all.partition(|test| test.layer == Layer::Sockets);
    let link = |test: &&Test| format!("[{}](../{})", test.name, test.file);
    let mut lines: Vec<String> = sockets.iter().map(link).collect();
    let mut files = BTreeMap::<&str, usize>::new();
    for test in unit {
        *files.entry(&test.file).or_default() += 1;
    }
    let mut counts = String::new();
    for (file, count) in files {
        let separator = if counts.is_empty() { "unit:" } else { "," };
        let _ = write!(counts, "{separator} {count} in [{}](../{file})", short(file));
    }
    lines.extend((!counts.is_empty()).then_some(counts));
    lines.join("<br>")
}

fn short(file: &str) -> &str {
    file.strip_prefix("src/").unwrap_or(file)
}

#[test]
fn the_last_column_is_generated() {
    let document = Document::parse("# T\n\n| id | a | b | tests |\n| T-1 | x | y `z` | old |");
    let test = |name: &str, file: &str, layer| Test {
        rows: vec![Row::parse("T-1").unwrap()],
        name: name.to_owned(),
        file: file.to_owned(),
        layer,
    };
    let tests = vec![
        test("b", "src/b.rs", Layer::Unit),
        test("a", "tests/a.rs", Layer::Sockets),
        test("c", "src/b.rs", Layer::Unit),
    ];
    let sources = Sources { tests, ..Sources::default() };
    let generated = document.with_tests(&sources).text();
    let cell = "[a](../tests/a.rs)<br>unit: 2 in [b.rs](../src/b.rs)";
    assert_eq!(generated, format!("# T\n\n| id | a | b | tests |\n| T-1 | x | y `z` | {cell} |\n"));
    assert_eq!(document.with_tests(&Sources::default()).text().matches("| y `z` |  |").count(), 1);
}
