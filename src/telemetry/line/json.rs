//! A line as one JSON object. What every line of that format has comes first.

use super::{ACCESS_TARGET, AccessLine, push_escaped};
use crate::{clock::LineTime, telemetry::settings::AccessField};

pub(super) fn write(line: &AccessLine<'_>, now: LineTime) -> String {
    let mut text = String::from("{");
    for (field, value) in &line.fields {
        if *field == AccessField::Time {
            push_text(&mut text, "timestamp", &now.to_rfc3339());
        } else if let Some(number) = value.number() {
            push_key(&mut text, field.name());
            text.push_str(&number);
        } else {
            push_text(&mut text, field.name(), value.text());
        }
    }
    push_text(&mut text, "level", "INFO");
    push_text(&mut text, "target", ACCESS_TARGET);
    push_text(&mut text, "message", line.message);
    text.push('}');
    text
}

fn push_text(line: &mut String, name: &str, text: &str) {
    push_key(line, name);
    line.push('"');
    push_escaped(line, text);
    line.push('"');
}

fn push_key(line: &mut String, name: &str) {
    if line.len() > 1 {
        line.push(',');
    }
    line.push('"');
    line.push_str(name);
    line.push_str("\":");
}
