//! What the reader's `expected …` says of a value.

/// One of the forms that a value may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Switch,
    Duration,
    Size,
    /// From the first to the second.
    Integer(u64, u64),
    Fraction,
    Keyword(String),
    Number(i64),
    List,
    Table,
    /// A text, of which this is all that is said.
    Text,
}

impl Form {
    pub(super) fn is_keyword(&self) -> bool {
        matches!(self, Self::Keyword(_))
    }
}

/// The forms that the reader names.
pub(super) fn forms(expected: &str) -> Vec<Form> {
    alternatives(expected).into_iter().map(form).collect()
}

fn form(alternative: &str) -> Form {
    let begins = |with: &str| alternative.starts_with(with);
    if alternative == "true" || alternative == "false" {
        return Form::Switch;
    }
    if begins("a duration from ") {
        return Form::Duration;
    }
    if begins("a size from ") {
        return Form::Size;
    }
    if begins("a number from 0 to 1") {
        return Form::Fraction;
    }
    if let Some((from, to)) = range(alternative) {
        return Form::Integer(from, to);
    }
    if begins("a list") || begins("[") {
        return Form::List;
    }
    if begins("a table") || begins("{") {
        return Form::Table;
    }
    if let Ok(number) = alternative.parse() {
        return Form::Number(number);
    }
    let alternative = alternative.split(" to accept ").next().unwrap_or(alternative);
    let quoted = alternative.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        // Placeholders are in capitals.
        Some(keyword) if !keyword.contains('"') && !keyword.contains("HOST") => {
            Form::Keyword(keyword.to_owned())
        }
        _ => Form::Text,
    }
}

/// `a whole number from 1 to 9`, `a status from 200 to 599, since …`.
fn range(alternative: &str) -> Option<(u64, u64)> {
    let rest = alternative
        .strip_prefix("a whole number from ")
        .or_else(|| alternative.strip_prefix("a status from "))?;
    let (from, rest) = rest.split_once(" to ")?;
    let to = rest.split([' ', ':', ',', ';']).next()?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Splits at `, ` and ` or ` outside of quotes and brackets. An example belongs to what it is an
/// example of.
fn alternatives(expected: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, char) in expected.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '[' | '{' | '(' if !quoted => depth += 1,
            ']' | '}' | ')' if !quoted => depth = depth.saturating_sub(1),
            ' ' if !quoted && depth == 0 => {
                let (before, rest) = (&expected[begin..at], &expected[at..]);
                let ends = before.ends_with(',');
                // Of examples there may be several.
                let is_end = if before.contains("such as ") {
                    ends && rest.starts_with(" or ")
                } else {
                    ends || rest.starts_with(" or ")
                };
                if is_end {
                    parts.push(before);
                    begin = at + 1;
                }
            }
            _ => {}
        }
    }
    parts.push(expected.get(begin..).unwrap_or_default());
    let parts = parts.into_iter().map(|part| part.trim_end_matches(',').trim_start_matches("or "));
    parts.filter(|part| !part.is_empty() && !is_example(part)).collect()
}

fn is_example(part: &str) -> bool {
    ["such as ", "of which ", "where ", "with ", "each ", "so ", "since ", "from ", "X,"]
        .iter()
        .any(|begin| part.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(text: &str) -> Form {
        Form::Keyword(text.to_owned())
    }

    #[test]
    fn the_forms_of_a_value_are_those_that_the_reader_names() {
        assert_eq!(forms("true or false"), [Form::Switch, Form::Switch]);
        assert_eq!(forms("a duration from 1s to 9s, such as \"2s\""), [Form::Duration]);
        assert_eq!(
            forms("a whole number from 1 to 9, or \"none\""),
            [Form::Integer(1, 9), keyword("none")]
        );
        assert_eq!(forms("\"full\" or { spki = [\"a, b or c\"] }"), [keyword("full"), Form::Table]);
        assert_eq!(
            forms("\"all\", \"none\" or a list of names such as [\"sub\", \"scope\"]"),
            [keyword("all"), keyword("none"), Form::List]
        );
        assert_eq!(
            forms("\"refuse\", or a text such as \"a\" or \"b\", or a list"),
            [keyword("refuse"), Form::Text, Form::List]
        );
        assert_eq!(forms("301, 302 or 308"), [301, 302, 308].map(Form::Number));
        assert_eq!(forms("the name of a header, such as \"x-a\""), [Form::Text]);
    }
}
