//! How a claim's value is written into a header.
//!
//! Text is percent-encoded where a header can't hold it, and only there: visible ASCII and the
//! spaces inside go as they are; control characters, characters beyond ASCII (as UTF-8), spaces at
//! either end and the `%` itself become `%XX`. So there is one rule for the upstream, and nothing
//! is lost: *percent-decode the value, and you have the claim* (threats H-6). A single header may
//! have another [`TextForm`].

mod text_form;

use std::{fmt::Write as _, iter};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{jose::base64url, json::Json};

use self::text_form::Separator;
pub use self::text_form::TextForm;

/// How an array (or object) is written into a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Text, numbers (integers to the last digit) and booleans as themselves; the elements of an
    /// array joined by commas, with a comma inside an element as `%2C`. Nulls and empty elements
    /// are left out. What is nested deeper can't be written so.
    #[default]
    Csv,
    /// Separated by spaces, with a space inside an element as `%20`: as a text `scope` is written
    /// (RFC 6749 §3.3).
    Space,
    /// Compact JSON, ASCII only (`\u` escapes), whatever the value is: a string is in quotes.
    Json,
    /// base64url, without padding, of the compact JSON.
    Base64Json,
}

/// A value that the encoding has no form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotWritable;

/// What a header can't hold (characters beyond ASCII are always escaped), and the `%` itself.
const TEXT: &AsciiSet = &CONTROLS.add(b'%');
const CSV_ELEMENT: &AsciiSet = &TEXT.add(b',');
const SPACE_ELEMENT: &AsciiSet = &TEXT.add(b' ');
/// For those at either end, which a header would lose.
const ESCAPED_SPACE: &str = "%20";

impl Encoding {
    /// The header's text; empty for a blank value (threats H-7).
    pub(super) fn write(self, value: &Json, text: TextForm) -> Result<String, NotWritable> {
        match (self, value) {
            (_, Json::Null) => Ok(String::new()),
            (Self::Csv, Json::Array(elements)) => write_list(elements, Separator::Comma, text),
            (Self::Space, Json::Array(elements)) => write_list(elements, Separator::Space, text),
            (Self::Csv | Self::Space, scalar) => write_scalar(scalar, None, text),
            (Self::Json, value) => Ok(ascii_json(value)),
            (Self::Base64Json, value) => Ok(base64url::encode(value.to_text().as_bytes())),
        }
    }
}

/// A text as a header value; see the rule above.
pub fn percent_encoded(text: &str) -> String {
    percent_encode(text, TEXT)
}

fn write_list(
    elements: &[Json],
    separator: Separator,
    form: TextForm,
) -> Result<String, NotWritable> {
    let mut list = String::new();
    for element in elements {
        let text = write_scalar(element, Some(separator), form)?;
        if !text.is_empty() {
            if !list.is_empty() {
                list.push(separator.char());
            }
            list.push_str(&text);
        }
    }
    Ok(list)
}

fn write_scalar(
    value: &Json,
    separator: Option<Separator>,
    form: TextForm,
) -> Result<String, NotWritable> {
    match value {
        Json::Null => Ok(String::new()),
        Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {
            form.write(&value.to_text(), separator)
        }
        Json::String(text) => form.write(text, separator),
        Json::Array(_) | Json::Object(_) => Err(NotWritable),
    }
}

fn percent_encode(text: &str, escaped: &'static AsciiSet) -> String {
    let inner = text.trim_start_matches(' ');
    let before = text.len() - inner.len();
    let inner = inner.trim_end_matches(' ');
    let after = text.len() - before - inner.len();
    let mut out = ESCAPED_SPACE.repeat(before);
    out.extend(utf8_percent_encode(inner, escaped));
    out.extend(iter::repeat_n(ESCAPED_SPACE, after));
    out
}

/// JSON with everything that is not visible ASCII or a space as `\uXXXX`. `serde_json` can't write
/// that. In compact JSON such characters occur inside strings only, so the text stays the
/// same value.
fn ascii_json(value: &Json) -> String {
    let text = value.to_text();
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_graphic() || character == ' ' {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String can't fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
