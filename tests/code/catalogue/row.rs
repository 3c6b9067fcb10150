//! The name of a row: a family and a number.

use std::fmt;

/// The families in the order of the document.
const FAMILIES: [&str; 17] =
    ["INV", "T", "C", "K", "I", "S", "H", "P", "F", "U", "D", "L", "N", "W", "G", "O", "X"];

/// E.g. `T-19`. Ordered as in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    family: usize,
    number: u32,
}

impl Row {
    /// Out of `T-19`. A number has at most two digits: `P-256` is a curve.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (family, number) = text.split_once('-')?;
        Self::of(family, number)
    }

    /// Out of one part of a test's name, `t19` or `t03`.
    fn of_name_part(part: &str) -> Option<Self> {
        let digits = part.find(|c: char| c.is_ascii_digit())?;
        let (family, number) = part.split_at(digits);
        Self::of(&family.to_ascii_uppercase(), number)
    }

    fn of(family: &str, number: &str) -> Option<Self> {
        let family = FAMILIES.iter().position(|known| *known == family)?;
        let number = (number.len() <= 2).then(|| number.parse().ok())??;
        Some(Self { family, number })
    }

    /// The rows that a test shows, and what is left of its name.
    pub(crate) fn of_test(name: &str) -> (Vec<Self>, &str) {
        let (mut rows, mut rest) = (Vec::new(), name);
        while let Some((part, behind)) = rest.split_once('_') {
            let Some(row) = Self::of_name_part(part) else { break };
            rows.push(row);
            rest = behind;
        }
        (rows, rest)
    }

    /// Whether this is the next row behind another one, of the same family or of the next.
    pub(crate) fn follows(self, before: Self) -> bool {
        let same = self.family == before.family && self.number == before.number + 1;
        same || (self.family == before.family + 1 && self.number == 1)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", FAMILIES[self.family], self.number)
    }
}

#[test]
fn a_test_names_its_rows_first() {
    let rows = |name: &str| -> Vec<String> {
        Row::of_test(name).0.iter().map(ToString::to_string).collect()
    };
    assert_eq!(rows("i11_k2_an_endpoint_that_hangs"), ["I-11", "K-2"]);
    assert_eq!(rows("t03_rs256_is_not_rs_256"), ["T-3"]);
    assert_eq!(rows("inv2_x7_nothing_is_left"), ["INV-2", "X-7"]);
    assert_eq!(rows("s3_100_continue_comes_late"), ["S-3"]);
    for none in ["http2_is_preferred", "tls_1_2_is_served", "e_a_request", "p256_keys", "t19"] {
        assert!(rows(none).is_empty(), "{none}");
    }
    assert_eq!(Row::of_test("t10_ed25519_has_two_names").1, "ed25519_has_two_names");
}

#[test]
fn a_curve_is_no_row() {
    assert_eq!(Row::parse("P-13").unwrap().to_string(), "P-13");
    for other in ["P-256", "P-", "SHA-1", "p-1", "P-x"] {
        assert_eq!(Row::parse(other), None, "{other}");
    }
}
