//! Text from outside in the words of a refusal: bounded, and of printable ASCII characters.

use std::fmt::{self, Write};

/// A part of a text that is safe to show: in a log line, on a terminal, between the quotes of a
/// JSON string. Everything else than printable ASCII is escaped as JSON does it (`\u001b`), and so
/// are quotes, backslashes and what has a meaning in HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(Box<str>);

/// The most of one text, in bytes after escaping: an issuer's URL with a tenant's id fits.
const MAX_TEXT_BYTES: usize = 96;
/// The most of a list: an attacker's `aud` may have thousands of elements.
const MAX_LIST_TEXTS: usize = 4;
/// What stands for the rest.
const CUT: &str = "...";

impl Excerpt {
    /// The most bytes of any excerpt: a list of texts of the full length, their quotes and commas,
    /// and how many were left out.
    pub const MAX_BYTES: usize = MAX_LIST_TEXTS * (MAX_TEXT_BYTES + CUT.len() + 4) + 32;

    /// A text from outside, in quotes.
    pub fn quoted(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len().min(MAX_TEXT_BYTES) + 2);
        push_quoted(&mut shown, text);
        Self(shown.into())
    }

    /// The first of several texts, and how many there are besides.
    pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut texts = texts.into_iter();
        let mut shown = String::new();
        for text in texts.by_ref().take(MAX_LIST_TEXTS) {
            if !shown.is_empty() {
                shown.push_str(", ");
            }
            push_quoted(&mut shown, text);
        }
        let more = texts.count();
        if more > 0 {
            let _ = write!(shown, " and {more} more");
        }
        if shown.is_empty() {
            shown.push_str("none");
        }
        Self(shown.into())
    }

    /// Words and numbers of our own.
    pub fn own(words: fmt::Arguments<'_>) -> Self {
        let mut shown = String::new();
        let _ = write!(shown, "{words}");
        Self(shown.into())
    }

    /// What is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn push_quoted(shown: &mut String, text: &str) {
    shown.push('\'');
    push_escaped(shown, text);
    shown.push('\'');
}

/// A prefix that needs no escape, as nearly all texts are, is copied as a whole.
fn push_escaped(shown: &mut String, text: &str) {
    let most = shown.len() + MAX_TEXT_BYTES;
    let plain = text.bytes().take(MAX_TEXT_BYTES).take_while(|byte| is_plain(*byte)).count();
    let (plain, rest) = text.split_at_checked(plain).unwrap_or((text, ""));
    shown.push_str(plain);
    for char in rest.chars() {
        let mark = shown.len();
        push_char(shown, char);
        if shown.len() > most {
            shown.truncate(mark);
            shown.push_str(CUT);
            return;
        }
    }
}

fn push_char(shown: &mut String, char: char) {
    if u8::try_from(char).is_ok_and(is_plain) {
        shown.push(char);
        return;
    }
    for unit in char.encode_utf16(&mut [0; 2]) {
        // Writing to a String can't fail.
        let _ = write!(shown, "\\u{unit:04x}");
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\'' | b'\\' | b'<' | b'>' | b'&')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o1_what_a_terminal_json_or_html_would_obey_is_escaped() {
        let evil = "a\r\n\u{1b}[2J\u{202e}\u{7f}é\"'\\<&>\u{1f600}";
        let shown = Excerpt::quoted(evil);
        assert_eq!(
            shown.as_str(),
            "'a\\u000d\\u000a\\u001b[2J\\u202e\\u007f\\u00e9\\u0022\\u0027\\u005c\\u003c\\u0026\\u003e\
             \\ud83d\\ude00'"
        );
    }

    #[test]
    fn o1_what_is_shown_is_bounded_whatever_it_consists_of() {
        for char in ["a", "é", "\n", "\u{1f600}", "'"] {
            for length in [0, 1, MAX_TEXT_BYTES - 1, MAX_TEXT_BYTES, MAX_TEXT_BYTES + 1, 1 << 20] {
                let text = char.repeat(length);
                let shown = Excerpt::quoted(&text);
                assert!(shown.as_str().len() <= MAX_TEXT_BYTES + CUT.len() + 2, "{shown}");
                let fits = shown.as_str().ends_with(&format!("{CUT}'"));
                assert_eq!(
                    fits,
                    Excerpt::quoted(char).as_str().len() > 2
                        && (Excerpt::quoted(char).as_str().len() - 2) * length > MAX_TEXT_BYTES,
                    "{shown}"
                );
                let many = Excerpt::list(std::iter::repeat_n(text.as_str(), 1000));
                assert!(many.as_str().len() <= Excerpt::MAX_BYTES, "{many}");
            }
        }
    }

    #[test]
    fn a_list_says_how_many_it_leaves_out() {
        assert_eq!(Excerpt::list([]).as_str(), "none");
        assert_eq!(Excerpt::list(["a", "b"]).as_str(), "'a', 'b'");
        assert_eq!(
            Excerpt::list(["a", "b", "c", "d", "e"]).as_str(),
            "'a', 'b', 'c', 'd' and 1 more"
        );
    }
}
