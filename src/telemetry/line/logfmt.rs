//! A line as `key=value`, values in quotes where they need some.

use super::{ACCESS_TARGET, AccessLine, push_escaped};
use crate::{clock::LineTime, telemetry::settings::AccessField};

pub(super) fn write(line: &AccessLine<'_>, now: LineTime) -> String {
    let mut text = String::new();
    let with_time = line.get(AccessField::Time).is_some();
    if with_time {
        push_pair(&mut text, AccessField::Time.name(), &now.to_rfc3339());
    }
    push_pair(&mut text, "level", "info");
    push_pair(&mut text, "target", ACCESS_TARGET);
    push_pair(&mut text, "msg", line.message);
    for (field, value) in line.fields.iter().filter(|(field, _)| *field != AccessField::Time) {
        match value.number() {
            Some(number) => push_pair(&mut text, field.name(), &number),
            None => push_pair(&mut text, field.name(), value.text()),
        }
    }
    text
}

/// Appends one pair behind those that are there.
pub(in crate::telemetry) fn push_pair(line: &mut String, name: &str, value: &str) {
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(name);
    line.push('=');
    if !value.is_empty() && value.bytes().all(is_plain) {
        line.push_str(value);
    } else {
        line.push('"');
        push_escaped(line, value);
        line.push('"');
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'=' | b'\\')
}
