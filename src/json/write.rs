//! Writes values as minimal JSON text that parses back to the same value.
//!
//! `serde_json` would write other bytes (`\b` for `\u0008`, `0.00001` for `1e-5`), and claims that
//! are headers, assertions and the journal's lines keep theirs from version to version. To settle
//! that with a formatter of its own takes more code than this.

use std::fmt::Write;

use super::{Json, Object};

/// Appends a value. Recurses as deep as the value, which a parsed one bounds.
pub(super) fn value(out: &mut String, json: &Json) {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Integer(number) => append(out, format_args!("{number}")),
        Json::Float(number) => float(out, *number),
        Json::String(text) => string(out, text),
        Json::Array(elements) => array(out, elements),
        Json::Object(members) => object(out, members),
    }
}

/// Appends an object.
pub(super) fn object(out: &mut String, object: &Object) {
    out.push('{');
    for (place, (name, member)) in object.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        string(out, name);
        out.push(':');
        value(out, member);
    }
    out.push('}');
}

fn array(out: &mut String, elements: &[Json]) {
    out.push('[');
    for (place, element) in elements.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        value(out, element);
    }
    out.push(']');
}

/// Rust's `Debug` of a float is the shortest text that reads back the same, always with a point or
/// an exponent, and valid JSON as long as the number is finite.
fn float(out: &mut String, number: f64) {
    if number.is_finite() {
        append(out, format_args!("{number:?}"));
    } else {
        out.push_str("null");
    }
}

/// Appends a quoted string (RFC 8259 §7): what must be escaped is, all else is itself.
fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => append(out, format_args!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = out.write_fmt(text);
}
