//! `docs/gateway.md`: every block of it loads, and no key of it can be misspelt.

use crate::support::shipped::Shipped;

const PAGE: &str = include_str!("../../../docs/gateway.md");

/// What the page says that its blocks leave out: tables, by what a line begins with that has them.
const LEFT_OUT: [(&str, &str); 3] = [
    ("[upstreams.", "[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n"),
    (
        "[issuers.",
        "[issuers.idp]\nissuer = \"https://idp.example.com\"\n\
         audiences = [\"https://api.example.com\"]\n",
    ),
    ("[[routes]]", "[[routes]]\npath = \"/**\"\n"),
];

/// What `check` warns of on purpose.
const EXPLAINED: [&str; 2] = ["upstreams.app.tls.verify:", "upstreams.app.maintenance:"];

fn blocks() -> Vec<&'static str> {
    let begun = PAGE.split("\n```toml\n").skip(1);
    begun.map(|rest| rest.split_once("\n```\n").unwrap().0).collect()
}

fn complete(block: &str) -> String {
    let missing = LEFT_OUT.iter().filter(|(table, _)| !block.contains(&format!("\n{table}")));
    let missing = missing.filter(|(table, _)| !block.starts_with(table));
    let missing: Vec<_> = missing.map(|(_, lines)| *lines).collect();
    format!("{block}\n{}", missing.join(""))
}

/// The keys that begin a line of the block, each with the block in which it is misspelt.
fn misspelt(block: &str) -> Vec<(String, String)> {
    let lines: Vec<_> = block.lines().collect();
    let begins_with_a_key = |line: &str| line.starts_with(|first: char| first.is_ascii_lowercase());
    let keys = (0..lines.len()).filter(|at| begins_with_a_key(lines[*at]));
    let wrong = keys.map(|at| {
        let (key, rest) = lines[at].split_at(lines[at].find([' ', '=']).unwrap());
        let line = format!("{key}x{rest}");
        let mut lines = lines.clone();
        lines[at] = &line;
        (key.to_owned(), lines.join("\n"))
    });
    wrong.collect()
}

#[test]
fn every_block_of_the_page_passes_check() {
    let blocks = blocks();
    assert!(blocks.len() >= 20, "only {} blocks", blocks.len());
    for block in blocks {
        let settings = Shipped::of_text(&complete(block)).settings();
        let settings = settings.unwrap_or_else(|mistakes| panic!("{block}\n{mistakes}"));
        let is_explained = |warning: &String| EXPLAINED.iter().any(|key| warning.starts_with(key));
        let warnings: Vec<_> =
            settings.warnings().into_iter().filter(|it| !is_explained(it)).collect();
        assert!(warnings.is_empty(), "{block}\n{warnings:?}");
    }
}

#[test]
fn a_misspelt_key_in_any_block_is_a_mistake() {
    let mut tried = 0;
    for (key, block) in blocks().into_iter().flat_map(misspelt) {
        let settings = Shipped::of_text(&complete(&block)).settings();
        let mistakes = settings.err().unwrap_or_else(|| panic!("{key} passes:\n{block}"));
        assert!(mistakes.contains(&key), "{key}: {mistakes}");
        tried += 1;
    }
    assert!(tried > 100, "only {tried} keys");
}
