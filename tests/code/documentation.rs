//! The documents say what the code does.

use std::{fs, path::Path};

use countersign::reason::Reason;

const REASONS: &str = include_str!("../../docs/reasons.md");

#[test]
fn every_reason_is_documented_with_its_text() {
    for reason in Reason::ALL {
        let row =
            REASONS.lines().find(|line| line.starts_with(&format!("| `{}` |", reason.code())));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/reasons.md", reason.code()));
        assert!(row.ends_with(&format!("| {} |", reason.text())), "{row}");
    }
}

#[test]
fn no_reason_is_documented_that_does_not_exist() {
    let documented = REASONS.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for code in documented {
        assert!(Reason::ALL.iter().any(|reason| reason.code() == code), "{code}");
    }
}

/// `src/token.rs`, but neither `src/ROOM/settings.rs` nor `cargo test`.
fn names_a_file(quoted: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["src/", "tests/", "docs/", "config/", "deploy/", "loadtest/", "benches/", "fuzz/"];
    let is_placeholder = |part: &str| part.starts_with(|first: char| first.is_ascii_uppercase());
    FOLDERS.iter().any(|folder| quoted.starts_with(folder))
        && !quoted.contains([' ', '*', '{', '…'])
        && !quoted.split('/').skip(1).any(|part| is_placeholder(part) && part != "Cargo.toml")
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["docs", "docs/systems"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let pages = folders.into_iter().flatten().map(|page| page.unwrap().path());
    let pages = pages.chain(["README.md", "CONTRIBUTING.md"].map(|page| root.join(page)));
    let mut found = 0;
    for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| names_a_file(quoted)) {
            assert!(root.join(quoted).exists(), "{}: {quoted}", page.display());
            found += 1;
        }
    }
    assert!(found > 50, "only {found} names of files are found");
}
