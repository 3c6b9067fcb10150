//! A line for people: the word, then `key=value`, texts in quotes.

use super::{AccessLine, push_escaped};
use crate::telemetry::settings::AccessField;

pub(super) fn write(line: &AccessLine<'_>) -> String {
    let mut text = line.message.to_owned();
    for (field, value) in line.fields.iter().filter(|(field, _)| *field != AccessField::Time) {
        text.push(' ');
        text.push_str(field.name());
        text.push('=');
        if let Some(number) = value.number() {
            text.push_str(&number);
        } else {
            text.push('"');
            push_escaped(&mut text, value.text());
            text.push('"');
        }
    }
    text
}
