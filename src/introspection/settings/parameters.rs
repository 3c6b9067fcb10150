//! Fixed form parameters beside the token.

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::text,
        writer::Writer,
    },
    introspection::settings::key,
};

/// What the token's own form parameter is called: nothing fixed may be called so.
const RESERVED_PARAMETERS: &[&str] =
    &["token", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

pub(super) fn read(section: &mut Section<'_>) -> Vec<(String, String)> {
    let hint = section.optional(key::TOKEN_TYPE_HINT, text);
    let has_hint = hint.is_some();
    let mut parameters: Vec<(String, String)> =
        hint.into_iter().map(|hint| (key::TOKEN_TYPE_HINT.to_owned(), hint)).collect();
    let fixed = section.section(key::PARAMETERS, |fixed| {
        fixed.each_member(|name, node| {
            if RESERVED_PARAMETERS.contains(&name) || (has_hint && name == key::TOKEN_TYPE_HINT) {
                return Err(format!("{name:?} is set by other settings"));
            }
            Ok((name.to_owned(), parameter(node)?))
        })
    });
    parameters.extend(fixed);
    parameters
}

pub(super) fn write(writer: Writer, parameters: &[(String, String)]) -> Writer {
    let (hint, fixed): (Vec<_>, Vec<_>) =
        parameters.iter().partition(|(name, _)| name == key::TOKEN_TYPE_HINT);
    let fixed = fixed.into_iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    writer
        .optional(key::TOKEN_TYPE_HINT, hint.first().map(|(_, value)| value))
        .optional_members(key::PARAMETERS, fixed)
}

fn parameter(node: &Node) -> Parsed<String> {
    match node.value {
        Value::Bool(value) => Ok(value.to_string()),
        Value::Integer(value) => Ok(value.to_string()),
        _ => text(node),
    }
}
