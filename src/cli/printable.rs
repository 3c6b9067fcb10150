//! Text from outside, as a terminal may show it.

use std::fmt::Write;

/// The text with everything escaped (`\u001b`) that a terminal would not show as it is: control
/// characters, line breaks, marks that change the direction of writing.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_printable(char) {
            shown.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            // Writing to a String can't fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

fn is_printable(char: char) -> bool {
    match char {
        ' '..='~' => true,
        // What the standard library would escape is not printable.
        char => char.escape_debug().len() == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_the_terminal_is_escaped() {
        let evil = "a\u{1b}[2J\r\n\u{7f}\u{9b}\u{202e}\u{e0001}\"é漢\\";
        assert_eq!(
            printable(evil),
            "a\\u001b[2J\\u000d\\u000a\\u007f\\u009b\\u202e\\udb40\\udc01\"é漢\\"
        );
    }
}
