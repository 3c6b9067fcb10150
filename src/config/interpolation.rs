//! `${VARIABLE}` and `file:` in the texts of a configuration file.
//!
//! It happens after the file has been parsed, in values that are texts: whatever a variable holds
//! stays a part of that one text. What was put in is not looked at again.

use std::path::Path;

use super::origin::OriginSource;

/// What a text amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expanded {
    /// It stays as it is, but for doubled dollars.
    Literal(String),
    /// With variables in it.
    FromVariables(String),
    /// A variable is not set, and is not needed for a lint.
    Unset,
}

/// What makes the rest of a value the path of a file with the value.
pub(super) const FILE_PREFIX: &str = "file:";

/// Puts variables into a text. `lookup` finds them; with `lint` they need not be set.
pub(super) fn expand<'e>(
    text: &str,
    lookup: impl Fn(&str) -> Option<&'e str>,
    lint: bool,
) -> Result<Expanded, String> {
    let mut expanded = String::with_capacity(text.len());
    let (mut rest, mut has_variable, mut is_unset) = (text, false, false);
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            after
        } else if let Some(reference) = after.strip_prefix('{') {
            let (reference, after) = reference.split_once('}').ok_or_else(|| malformed(text))?;
            let (name, default) = named(reference).ok_or_else(|| malformed(text))?;
            match lookup(name).filter(|found| !found.is_empty() || default.is_none()).or(default) {
                Some(found) => expanded.push_str(found),
                None if lint => is_unset = true,
                None => return Err(unset(name)),
            }
            has_variable |= !name.is_empty();
            after
        } else {
            expanded.push('$');
            after
        };
    }
    expanded.push_str(rest);
    Ok(match (is_unset, has_variable) {
        (true, _) => Expanded::Unset,
        (false, true) => Expanded::FromVariables(expanded),
        (false, false) => Expanded::Literal(expanded),
    })
}

/// `NAME` or `NAME:-DEFAULT`. Without a name, the default is a literal text.
fn named(reference: &str) -> Option<(&str, Option<&str>)> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let starts = match name.bytes().next() {
        Some(first) => !first.is_ascii_digit(),
        None => default.is_some(),
    };
    let is_name = starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, default))
}

fn malformed(text: &str) -> String {
    let text = super::node::quoted(text);
    format!("found {text}, expected ${{NAME}} or ${{NAME:-DEFAULT}}, or $${{ for these characters")
}

fn unset(name: &str) -> String {
    format!(
        "found ${{{name}}}, and the environment variable {name} is not set; expected it to be \
         set, or a default: ${{{name}:-DEFAULT}}"
    )
}

/// A text as a file would have to say it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        escaped.push(char);
        if char == '$' && matches!(chars.peek(), Some('$' | '{')) {
            escaped.push('$');
        }
    }
    match escaped.strip_prefix(FILE_PREFIX) {
        Some(rest) => format!("${{:-{FILE_PREFIX}}}{rest}"),
        None => escaped,
    }
}

/// How `file:` is shown, so that it stands for the same file everywhere.
pub(super) fn written_file(source: &OriginSource, path: &Path) -> String {
    format!("{FILE_PREFIX}{}", escape(&source.resolve(path).display().to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<Expanded, String> {
        let lookup = |name: &str| match name {
            "HOST" => Some("api.example.com"),
            "EMPTY" => Some(""),
            "ODD" => Some("${HOST}$$\"\n[server]"),
            _ => None,
        };
        expand(text, lookup, false)
    }

    fn text(text: &str) -> String {
        match of(text) {
            Ok(Expanded::Literal(text) | Expanded::FromVariables(text)) => text,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn variables_defaults_and_dollars() {
        for (written, meant) in [
            ("https://${HOST}/x", "https://api.example.com/x"),
            ("${HOST}${HOST}", "api.example.comapi.example.com"),
            ("${NONE:-b}", "b"),
            ("${EMPTY:-b}", "b"),
            ("${EMPTY}", ""),
            ("${NONE:-}", ""),
            ("${HOST:-b}", "api.example.com"),
            ("${NONE:-a:-b}", "a:-b"),
            ("$$", "$"),
            ("$${HOST}", "${HOST}"),
            ("$$$${HOST}", "$${HOST}"),
            ("$HOST costs 5$", "$HOST costs 5$"),
            ("${:-file:}/x", "file:/x"),
        ] {
            assert_eq!(text(written), meant, "{written}");
        }
    }

    #[test]
    fn x1_what_a_variable_holds_is_not_looked_at_again() {
        assert_eq!(text("a${ODD}b"), "a${HOST}$$\"\n[server]b");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for wrong in ["${", "${HOST", "${}", "${1A}", "${a b}", "${A-b}", "${HÖST}"] {
            assert!(of(wrong).unwrap_err().contains("expected ${NAME}"), "{wrong}");
        }
    }

    #[test]
    fn an_unset_variable_is_named_and_a_lint_goes_on() {
        assert!(of("${NONE}").unwrap_err().contains("variable NONE is not set"));
        assert_eq!(expand("a${NONE}", |_| None, true), Ok(Expanded::Unset));
    }

    proptest! {
        #[test]
        fn an_escaped_text_means_itself(original in "[${}:file-]{0,12}|file:[$a{]{0,5}") {
            prop_assert_eq!(of(&escape(&original)), Ok(Expanded::Literal(original)));
        }
    }
}
