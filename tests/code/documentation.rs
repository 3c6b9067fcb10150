//! The documents say what the code does.

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
