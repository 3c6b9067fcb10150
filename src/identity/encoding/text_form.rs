//! How the characters of a claim are written into a header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CSV_ELEMENT, NotWritable, SPACE_ELEMENT, TEXT, percent_encode};
use crate::jose::base64url;

/// How text goes into one header, alone or as an element of a list. Whatever the form, a control
/// character never does as itself, so that no value ends a line or a header (threats H-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextForm {
    /// Percent-encoded where a header can't hold it; see [`super::Encoding`].
    #[default]
    Percent,
    /// The characters themselves, as UTF-8. What can't be written so is refused: control
    /// characters, line separators, blanks at either end, and in a list its separator.
    Utf8,
    /// An `ext-value` of RFC 8187 §3.2.1: `UTF-8''Zo%C3%AB`.
    Rfc8187,
    /// base64url of the UTF-8, without padding.
    Base64Url,
}

/// What joins the elements of a list, and may not occur in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Comma,
    Space,
}

/// All but `attr-char` (RFC 8187 §3.2.1).
const NO_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The characters beyond the control characters that end a line to some readers.
const LINE_SEPARATORS: [char; 2] = ['\u{2028}', '\u{2029}'];

impl TextForm {
    /// The text as an element of a list with that separator; `None`: it is all of the value.
    pub(super) fn write(
        self,
        text: &str,
        separator: Option<Separator>,
    ) -> Result<String, NotWritable> {
        match self {
            // No claim is no header, in every form (threats H-7).
            _ if text.is_empty() => Ok(String::new()),
            Self::Percent => Ok(percent_encode(text, Separator::escaped(separator))),
            Self::Utf8 if is_plain(text, separator) => Ok(text.to_owned()),
            Self::Utf8 => Err(NotWritable),
            Self::Rfc8187 => Ok(format!("UTF-8''{}", utf8_percent_encode(text, NO_ATTR_CHAR))),
            Self::Base64Url => Ok(base64url::encode(text.as_bytes())),
        }
    }
}

impl Separator {
    pub(super) fn char(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Space => ' ',
        }
    }

    fn escaped(separator: Option<Self>) -> &'static AsciiSet {
        match separator {
            None => TEXT,
            Some(Self::Comma) => CSV_ELEMENT,
            Some(Self::Space) => SPACE_ELEMENT,
        }
    }
}

/// Whether a reader gets exactly this text out of the header. Readers trim blanks, of which Unicode
/// has more than HTTP.
fn is_plain(text: &str, separator: Option<Separator>) -> bool {
    let separator = separator.map(Separator::char);
    let is_refused =
        |c: char| c.is_control() || LINE_SEPARATORS.contains(&c) || Some(c) == separator;
    text.trim() == text && !text.chars().any(is_refused)
}
