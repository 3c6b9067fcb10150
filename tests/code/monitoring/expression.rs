//! As much of `PromQL` as it takes to find the metrics and labels of an expression.

/// What an expression names.
#[derive(Debug, Default)]
pub(super) struct Expression {
    pub(super) selectors: Vec<Selector>,
    /// The labels of `by`, `without`, `on`, `ignoring` and `group_left`.
    pub(super) grouping: Vec<String>,
}

/// A metric with its matchers: label and value.
#[derive(Debug)]
pub(super) struct Selector {
    pub(super) name: String,
    pub(super) matchers: Vec<(String, String)>,
}

/// What the names of metrics begin with; other words are functions and operators.
const PREFIXES: [&str; 3] = ["countersign_", "process_", "job:"];
const GROUPINGS: [&str; 5] = ["by", "without", "on", "ignoring", "group_left"];

impl Expression {
    pub(super) fn parse(text: &str) -> Self {
        let (mut found, mut rest) = (Self::default(), text);
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                rest = quoted(rest).1;
                continue;
            }
            let (word, behind) = word(rest);
            rest = if word.is_empty() { &rest[first.len_utf8()..] } else { behind };
            if word == "up" || PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
                let (matchers, behind) = matchers(rest);
                found.selectors.push(Selector { name: word.to_owned(), matchers });
                rest = behind;
            } else if GROUPINGS.contains(&word)
                && let Some((labels, behind)) =
                    rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'))
            {
                let labels = labels.split(',').map(str::trim).filter(|label| !label.is_empty());
                found.grouping.extend(labels.map(str::to_owned));
                rest = behind;
            }
        }
        found
    }
}

/// The word at the beginning, or an empty one, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let is_of_word = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    text.split_at(text.find(|it| !is_of_word(it)).unwrap_or(text.len()))
}

/// The text in quotes at the beginning, and what is behind it.
fn quoted(text: &str) -> (&str, &str) {
    let text = text.trim_start().strip_prefix('"').unwrap();
    text.split_once('"').unwrap()
}

/// `{label="value", …}` at the beginning, if it is there.
fn matchers(text: &str) -> (Vec<(String, String)>, &str) {
    let mut matchers = Vec::new();
    let Some(mut rest) = text.strip_prefix('{') else { return (matchers, text) };
    loop {
        rest = rest.trim_start_matches([' ', '\n', ',']);
        if let Some(behind) = rest.strip_prefix('}') {
            return (matchers, behind);
        }
        let (label, behind) = word(rest);
        let (value, behind) = quoted(behind.trim_start_matches(['=', '!', '~']));
        matchers.push((label.to_owned(), value.to_owned()));
        rest = behind;
    }
}

#[test]
fn metrics_labels_and_groupings_are_found() {
    let found = Expression::parse(
        "sum by (job, le) (rate(countersign_a_bucket{le=\"0.1\", job!~\"b}c\"}[5m])) > 5 and on () up",
    );
    assert_eq!(found.grouping, ["job", "le"]);
    let names: Vec<_> = found.selectors.iter().map(|selector| &*selector.name).collect();
    assert_eq!(names, ["countersign_a_bucket", "up"]);
    let matchers = [("le".to_owned(), "0.1".to_owned()), ("job".to_owned(), "b}c".to_owned())];
    assert_eq!(found.selectors[0].matchers, matchers);
}
