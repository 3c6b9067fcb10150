//! What the sources say about rows: by the names of tests, and in comments.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::row::Row;

/// Tests below `tests/` that send no request to a proxy: public vectors, generated input and other
/// libraries beside this one, example configurations, the store that replicas share.
const WITHOUT_PROXY: [&str; 4] = [
    "tests/code/",
    "tests/processes/differential",
    "tests/processes/shared/",
    "tests/scenarios/config.rs",
];

/// A test that shows rows.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) rows: Vec<Row>,
    /// What is left of its name, as words.
    pub(crate) name: String,
    /// From the root of the project.
    pub(crate) file: String,
    pub(crate) layer: Layer,
}

/// How far from the wire a test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A running proxy, or the program itself.
    Sockets,
    /// The code alone.
    Unit,
}

/// Everything that was found, in the order of files and lines.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) tests: Vec<Test>,
    /// A row and the file and line that cite it.
    pub(crate) citations: Vec<(Row, String)>,
}

impl Sources {
    /// Reads `src` and `tests`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        for folder in ["src", "tests"] {
            collect(&root.join(folder), &mut files);
        }
        files.sort();
        let mut sources = Self::default();
        for path in files {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap();
            sources.read_file(file, &fs::read_to_string(&path).unwrap());
        }
        sources
    }

    /// The tests that show a row.
    pub(crate) fn tests_of(&self, row: Row) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(move |test| test.rows.contains(&row))
    }

    fn read_file(&mut self, file: &str, text: &str) {
        let mut is_test = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                let place = format!("{file}:{}", number + 1);
                self.citations.extend(cited(line).map(|row| (row, place.clone())));
            } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(name) = function(line)
                && std::mem::take(&mut is_test)
            {
                self.tests.extend(Test::new(name, file));
            }
        }
    }
}

impl Test {
    /// `None` where the name says nothing of rows.
    fn new(name: &str, file: &str) -> Option<Self> {
        let (rows, rest) = Row::of_test(name);
        let without_proxy = WITHOUT_PROXY.iter().any(|place| file.starts_with(place));
        let unit = without_proxy || !file.starts_with("tests/");
        let layer = if unit { Layer::Unit } else { Layer::Sockets };
        let (name, file) = (rest.replace('_', " "), file.to_owned());
        (!rows.is_empty()).then_some(Self { rows, name, file, layer })
    }
}

/// The name of the function that begins on a line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// The rows that a text names.
pub(crate) fn cited(text: &str) -> impl Iterator<Item = Row> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(Row::parse)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn tests_and_citations_are_read() {
    let mut sources = Sources::default();
    let text = "/// Of P-256 keys (threats K-6,\n/// T-10).\n#[test]\n#[should_panic]\n\
                fn t1_a() {\nfn t2_helper() {\n#[tokio::test(start_paused = true)]\n\
                async fn k1_k2_b() {\n#[test]\nfn c() {\n";
    sources.read_file("tests/x.rs", text);
    sources.read_file("tests/code/vectors/x.rs", "    #[test]\n    fn t3_d(n in 0..9) {");
    let found: Vec<_> =
        sources.tests.iter().map(|test| (test.rows.len(), &*test.name, test.layer)).collect();
    let expected = [(1, "a", Layer::Sockets), (2, "b", Layer::Sockets), (1, "d", Layer::Unit)];
    assert_eq!(found, expected);
    let cited: Vec<_> = sources.citations.iter().map(|(row, at)| format!("{row} {at}")).collect();
    assert_eq!(cited, ["K-6 tests/x.rs:1", "T-10 tests/x.rs:2"]);
}
