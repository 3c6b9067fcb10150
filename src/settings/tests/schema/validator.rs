//! As much of JSON Schema as the published schema uses, and not more: another keyword panics.

use std::{collections::BTreeMap, mem, sync::Mutex};

use regex_lite::Regex;
use serde_json::{Map, Value};

/// The published schema without its head.
#[derive(Debug)]
pub(super) struct Validator(Map<String, Value>);

impl Validator {
    pub(super) fn new(mut schema: Value) -> Self {
        let schema = schema.as_object_mut().unwrap();
        schema.retain(|name, _| !["$schema", "title", "definitions"].contains(&name.as_str()));
        Self(mem::take(schema))
    }

    /// What keeps a value from being valid, with where it is.
    pub(super) fn mistake(&self, value: &Value) -> Option<String> {
        of_node(&self.0, value, "")
    }
}

/// Each is compiled once.
fn is_match(pattern: &str, text: &str) -> bool {
    static PATTERNS: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut patterns = PATTERNS.lock().unwrap();
    let pattern = patterns.entry(pattern.to_owned());
    pattern.or_insert_with_key(|pattern| Regex::new(pattern).unwrap()).is_match(text)
}

fn of_node(schema: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    schema.iter().find_map(|(keyword, argument)| of_keyword(keyword, argument, schema, value, at))
}

fn of_keyword(
    keyword: &str,
    argument: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    at: &str,
) -> Option<String> {
    let unless =
        |holds: bool| (!holds).then(|| format!("{at}: {value} against {keyword} {argument}"));
    match keyword {
        // What concerns members is looked at with the type, below.
        "description" | "default" | "properties" | "patternProperties" | "additionalProperties" => {
            None
        }
        "type" => unless(is_of_type(value, argument.as_str().unwrap())),
        "enum" => unless(argument.as_array().unwrap().contains(value)),
        "minimum" => unless(value.as_f64() >= argument.as_f64()),
        "maximum" => unless(value.as_f64() <= argument.as_f64()),
        "pattern" => {
            unless(value.as_str().is_some_and(|text| is_match(argument.as_str().unwrap(), text)))
        }
        "anyOf" => {
            let alternatives = argument.as_array().unwrap();
            let fits = |it: &Value| of_node(it.as_object().unwrap(), value, at).is_none();
            unless(alternatives.iter().any(fits))
        }
        "minItems" => unless(value.as_array().is_none_or(|list| !list.is_empty())),
        "items" => {
            value.as_array().into_iter().flatten().enumerate().find_map(|(index, element)| {
                of_node(argument.as_object().unwrap(), element, &format!("{at}[{index}]"))
            })
        }
        "required" => {
            let names = argument.as_array().unwrap();
            unless(names.iter().all(|name| value.get(name.as_str().unwrap()).is_some()))
        }
        "$ref" => {
            assert_eq!(argument, "#/definitions/reference");
            unless(value.as_str().is_some_and(|it| it.starts_with("file:") || it.contains("${")))
        }
        other => panic!("{other}"),
    }
    .or_else(|| (keyword == "type").then(|| of_members(schema, value, at)).flatten())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}

fn of_members(schema: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    value.as_object().into_iter().flatten().find_map(|(name, member)| {
        let at = format!("{at}.{name}");
        match member_schema(schema, name) {
            Some(Value::Object(schema)) => of_node(schema, member, &at),
            Some(Value::Bool(false)) => Some(format!("{at}: unknown")),
            other => panic!("{other:?}"),
        }
    })
}

fn member_schema<'s>(schema: &'s Map<String, Value>, name: &str) -> Option<&'s Value> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let mut patterns = patterns.into_iter().flatten();
    schema
        .get("properties")
        .and_then(|properties| properties.get(name))
        .or_else(|| patterns.find(|(it, _)| is_match(it, name)).map(|it| it.1))
        .or_else(|| schema.get("additionalProperties"))
}
