//! The documents say what the code does.

mod prose;

use std::{
    fs,
    path::{Path, PathBuf},
};

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

#[test]
fn every_reason_has_a_section_in_the_runbook() {
    let runbook = include_str!("../../docs/runbook/reasons.md");
    let sections: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("### `")).collect();
    for reason in Reason::ALL {
        let heading = format!("{}`", reason.code());
        assert!(sections.contains(&heading.as_str()), "{} has no section", reason.code());
    }
    assert_eq!(sections.len(), Reason::ALL.len(), "a section is about no reason");
}

/// What a refusal's subject is, is compared with this table by every scenario. So every reason that
/// has one must be in some scenario.
#[test]
fn every_reason_with_a_subject_is_refused_for_in_a_scenario() {
    let scenarios = scenarios(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios"));
    let (_, table) = REASONS.split_once("| code | subject |").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let always: Vec<_> = rows.filter(|(_, subject)| !subject.starts_with("sometimes: ")).collect();
    assert!(always.len() > 50, "{always:?}");
    for (code, _) in always {
        let reason = Reason::ALL.iter().find(|reason| reason.code() == code).unwrap();
        assert!(scenarios.contains(&format!("{reason:?}")), "no scenario has {reason:?}");
    }
}

fn scenarios(folder: PathBuf) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = entries.map(|path| {
        if path.is_dir() { scenarios(path) } else { fs::read_to_string(path).unwrap() }
    });
    texts.collect()
}

/// `docs/why.md` claims nothing that a test does not show.
#[test]
fn every_test_that_a_claim_is_shown_by_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/why.md")).unwrap();
    let claims: Vec<_> =
        page.split("\n## ").filter(|claim| claim.starts_with(char::is_numeric)).collect();
    assert_eq!(claims.len(), 10);
    for claim in claims {
        let tests: Vec<_> =
            claim.split("[`").skip(1).filter_map(|it| it.split_once("`](../")).collect();
        assert!(!tests.is_empty(), "{claim}");
        for (test, rest) in tests {
            let (file, _) = rest.split_once(')').unwrap();
            let code = fs::read_to_string(root.join(file)).unwrap();
            assert!(code.contains(&format!("fn {test}(")), "{file} has no {test}");
        }
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

/// Every page of the project.
fn pages() -> Vec<PathBuf> {
    const SINGLE: [&str; 5] =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "fuzz/README.md"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["docs", "deploy"].map(|folder| pages_in(&root.join(folder)));
    let pages = folders.into_iter().flatten();
    pages.chain(SINGLE.map(|page| root.join(page))).collect()
}

fn pages_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.flat_map(|path| if path.is_dir() { pages_in(&path) } else { vec![path] });
    pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|it| it.is_alphanumeric() || matches!(it, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_to_a_page_or_a_heading_leads_there() {
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links.filter(|(link, _)| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(target).unwrap());
                assert!(headings.iter().any(|it| it == anchor), "{}: {link}", page.display());
            }
            found += 1;
        }
    }
    assert!(found > 100, "only {found} links are found");
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| names_a_file(quoted)) {
            assert!(root.join(quoted).exists(), "{}: {quoted}", page.display());
            found += 1;
        }
    }
    assert!(found > 50, "only {found} names of files are found");
}
