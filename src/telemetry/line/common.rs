//! The Common Log Format: `host ident user [time] "request" status bytes`.

use std::fmt::Write;

use super::{AccessLine, FieldValue};
use crate::{clock::LineTime, telemetry::settings::AccessField};

pub(super) fn write(line: &AccessLine<'_>, now: LineTime) -> String {
    let mut text = String::new();
    let column = |field| line.get(field).map(FieldValue::text).unwrap_or_default();
    push_column(&mut text, column(AccessField::Client));
    text.push_str(" - ");
    push_column(&mut text, column(AccessField::Subject));
    text.push_str(" [");
    text.push_str(&now.to_common_log());
    text.push_str("] \"");
    let request =
        [AccessField::Method, AccessField::Path, AccessField::Protocol].map(column).into_iter();
    for (position, part) in request.enumerate() {
        if position > 0 {
            text.push(' ');
        }
        push_column(&mut text, part);
    }
    text.push_str("\" ");
    for (position, field) in [AccessField::Status, AccessField::SentBytes].iter().enumerate() {
        if position > 0 {
            text.push(' ');
        }
        let number = line.get(*field).and_then(FieldValue::number);
        text.push_str(number.as_deref().unwrap_or("-"));
    }
    text
}

/// A column has neither spaces nor quotes nor brackets: what is not printable, or would end it, is
/// written as `\xHH`, as Apache does.
fn push_column(line: &mut String, text: &str) {
    if text.is_empty() {
        line.push('-');
    }
    for byte in text.bytes() {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\\' | b'[' | b']') {
            line.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
}
