//! Text from outside between quotes.

use std::fmt::Write;

/// Appends a text as JSON escapes it, and everything that is not printable ASCII besides
/// (`\u202e`): a reader that knows JSON gets the text back.
pub(in crate::telemetry) fn push_escaped(line: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '"' | '\\' => line.extend(['\\', char]),
            ' '..='~' => line.push(char),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a String can't fail.
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
}
