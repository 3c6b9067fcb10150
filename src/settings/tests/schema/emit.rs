//! A shape as JSON Schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    comments::Comments,
    phrases::{Form, forms},
    probes::Members,
    shape::{Shape, TableShape},
};

/// `10s`, `1h 30m`.
const DURATION: &str = "^[0-9]+ ?[A-Za-z]+( ?[0-9]+ ?[A-Za-z]+)*$";
/// `64KiB`, `1.5 MB`, `65536`.
const SIZE: &str = "^[0-9]+(\\.[0-9]+)? ?[A-Za-z]*$";
/// A value that stands elsewhere, whatever its type.
const REFERENCE: &str = "^file:|\\$\\{";
/// As the reader limits the names of issuers, upstreams and the like.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// The whole schema.
pub(super) fn schema(shape: &Shape, comments: &Comments) -> Value {
    let mut schema = node(shape, &[], comments);
    let head = json!({
        "definitions": {
            "reference": {
                "description": "A variable of the environment (`${NAME}`, `${NAME:-default}`), or the content of a file (`file:PATH`).",
                "type": "string",
                "pattern": REFERENCE,
            },
        },
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Countersign's configuration",
        "description": "See docs/configuration.md. Made by `UPDATE_DOCS=1 cargo test --lib schema` from what the reader accepts.",
    });
    let members = schema.as_object_mut().unwrap();
    members.extend(head.as_object().unwrap().clone());
    schema
}

fn node(shape: &Shape, path: &[&str], comments: &Comments) -> Value {
    let mut alternatives = alternatives(shape, path, comments);
    let mut schema = match alternatives.len() {
        1 => alternatives.remove(0),
        _ => json!({ "anyOf": alternatives }),
    };
    let members = schema.as_object_mut().unwrap();
    if let Some(description) = description(shape, path, comments) {
        members.insert("description".to_owned(), description.into());
    }
    if let [default] = shape.defaults.as_slice() {
        members.insert("default".to_owned(), serde_json::to_value(default).unwrap());
    }
    schema
}

/// What is written about a key, then what the reader expects.
fn description(shape: &Shape, path: &[&str], comments: &Comments) -> Option<String> {
    let expected: Vec<&String> = shape.expected.iter().filter(|it| says_more(it)).collect();
    // Where kinds of a section differ in what they expect, the comment says enough.
    let expected = match expected.as_slice() {
        [expected] => Some(format!("expected: {expected}")),
        _ => None,
    };
    let sentences: Vec<String> =
        comments.of(path).into_iter().chain(expected).map(|it| sentence(&it)).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// Whether it says more than the schema does without it.
fn says_more(expected: &str) -> bool {
    let is_keyword = |form: &Form| matches!(form, Form::Keyword(_) | Form::Switch);
    !["a text", "a table"].contains(&expected) && !forms(expected).iter().all(is_keyword)
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let text: String = first.chain(chars).collect();
    if text.ends_with(['.', '…']) { text } else { format!("{text}.") }
}

fn alternatives(shape: &Shape, path: &[&str], comments: &Comments) -> Vec<Value> {
    let forms: Vec<Form> = shape.expected.iter().flat_map(|it| forms(it)).collect();
    let mut found = Vec::new();
    if shape.truth || forms.contains(&Form::Switch) {
        found.push(json!({ "type": "boolean" }));
    }
    found.extend(numbers(shape, &forms));
    found.extend(texts(shape, &forms));
    let is_free = |schema: &Value| schema["type"] == "string" && schema.get("pattern").is_none();
    if !found.is_empty() && !found.iter().any(is_free) {
        found.push(json!({ "$ref": "#/definitions/reference" }));
    }
    if let Some(elements) = &shape.elements {
        let mut items = node(elements, path, comments);
        // It would be the list's again.
        items.as_object_mut().unwrap().remove("description");
        found.push(json!({ "type": "array", "items": items, "minItems": 1 }));
    }
    if let Some(table) = &shape.table {
        found.push(object(table, path, comments));
    }
    found
}

fn numbers(shape: &Shape, forms: &[Form]) -> Option<Value> {
    let ranges = || {
        forms.iter().filter_map(|form| match form {
            Form::Integer(from, to) => Some((*from, *to)),
            _ => None,
        })
    };
    if let (Some(from), Some(to)) = (ranges().map(|it| it.0).min(), ranges().map(|it| it.1).max()) {
        return Some(json!({ "type": "integer", "minimum": from, "maximum": to }));
    }
    let listed: Vec<i64> = forms
        .iter()
        .filter_map(|form| if let Form::Number(number) = form { Some(*number) } else { None })
        .collect();
    if !listed.is_empty() {
        return Some(json!({ "enum": listed }));
    }
    if forms.contains(&Form::Size) {
        return Some(json!({ "type": "integer", "minimum": 0 }));
    }
    if shape.fraction || forms.contains(&Form::Fraction) {
        return Some(json!({ "type": "number" }));
    }
    (!shape.integers.is_empty()).then(|| json!({ "type": "integer" }))
}

fn texts(shape: &Shape, forms: &[Form]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut patterns = BTreeSet::new();
    if forms.contains(&Form::Duration) {
        patterns.insert(DURATION);
    }
    if forms.contains(&Form::Size) {
        patterns.insert(SIZE);
    }
    found.extend(patterns.iter().map(|pattern| json!({ "type": "string", "pattern": pattern })));
    let keywords: BTreeSet<&str> = forms
        .iter()
        .filter_map(|form| if let Form::Keyword(text) = form { Some(text.as_str()) } else { None })
        .collect();
    let is_closed = shape.texts.iter().all(|text| keywords.contains(text.as_str()));
    let is_patterned = !patterns.is_empty();
    if !keywords.is_empty() && (is_closed || is_patterned) {
        found.push(json!({ "enum": keywords }));
    } else if !is_patterned && !shape.texts.is_empty() {
        found.push(json!({ "type": "string" }));
    }
    found
}

fn object(table: &TableShape, path: &[&str], comments: &Comments) -> Value {
    let below = |name: &str, shape: &Shape| {
        let path: Vec<&str> = path.iter().copied().chain([name]).collect();
        node(shape, &path, comments)
    };
    match table.takes {
        Members::Known | Members::OneOf => {
            let properties: Map<String, Value> = table
                .known
                .iter()
                .map(|(name, shape)| (name.clone(), below(name, shape)))
                .collect();
            let mut schema = json!({
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
            });
            let required = table.known.iter().filter(|(_, shape)| shape.missing == table.emptied);
            let required = required.filter(|_| table.emptied > 0);
            let required: Vec<&String> = required.map(|(name, _)| name).collect();
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            schema
        }
        Members::Chosen => {
            let chosen = table.chosen.as_ref().map(|shape| below("*", shape));
            json!({ "type": "object", "additionalProperties": chosen })
        }
        Members::Named => {
            let chosen = table.chosen.as_ref().map(|shape| below("*", shape));
            json!({
                "type": "object",
                "patternProperties": { NAME: chosen },
                "additionalProperties": false,
            })
        }
    }
}
