//! `{ claim = "value" }`: values that a claim must have, as routes and issuers require them.

use crate::{
    config::{
        node::{Node, Value, only_member},
        reader::{Parsed, Section},
        values::text,
        writer::{Writer, Written, list_of},
    },
    identity::headers::settings::claim_path,
    policy::{ClaimComparison, RequiredValue},
};

pub(crate) mod key {
    pub(crate) const CLAIM: &str = "claim";
}

const EXPECTED: &str = "a text, or a list of texts of which one must match";

/// Reads the table of that key.
pub(crate) fn read(section: &mut Section<'_>, key: &'static str) -> Vec<ClaimComparison> {
    section.section(key, |claims| {
        claims.each_member(|name, node| {
            Ok(ClaimComparison {
                claim: claim_path(name)?,
                any_of: accepted_values(node, EXPECTED)?,
            })
        })
    })
}

/// Writes the members of a requirement back.
pub(crate) fn write(
    comparisons: &[ClaimComparison],
) -> impl Iterator<Item = (String, Written)> + use<'_> {
    comparisons.iter().map(|comparison| {
        let values = comparison.any_of.iter().cloned().map(Written::from);
        (comparison.claim.as_str().to_owned(), list_of(values))
    })
}

const EXPECTED_VALUE: &str =
    "a text, a list of texts of which one must match, or { claim = \"azp\" }";

/// What something must be.
pub(crate) fn required_value(node: &Node) -> Parsed<RequiredValue> {
    match &node.value {
        Value::Table(_) => match only_member(node, EXPECTED_VALUE)? {
            (key::CLAIM, claim) => Ok(RequiredValue::Claim(claim_path(&text(claim)?)?)),
            _ => Err(node.mismatch(EXPECTED_VALUE)),
        },
        _ => accepted_values(node, EXPECTED_VALUE).map(RequiredValue::AnyOf),
    }
}

/// Writes a required value back.
pub(crate) fn written_value(value: &RequiredValue) -> Written {
    match value {
        RequiredValue::AnyOf(texts) => list_of(texts.iter().cloned().map(Written::from)),
        RequiredValue::Claim(claim) => Writer::default().text(key::CLAIM, claim.as_str()).table(),
    }
}

/// `"admin"`, `true` or `["admin", "auditor"]`.
pub(crate) fn accepted_values(node: &Node, expected: &str) -> Parsed<Vec<String>> {
    match &node.value {
        Value::List(list) if !list.is_empty() => list.iter().map(accepted_value).collect(),
        Value::Text(_) | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
            accepted_value(node).map(|value| vec![value])
        }
        _ => Err(node.mismatch(expected)),
    }
}

/// A truth value or a number accepts the claim that is written so, as a text or as itself.
fn accepted_value(node: &Node) -> Parsed<String> {
    match &node.value {
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Integer(number) => Ok(number.to_string()),
        // As a claim is compared.
        Value::Float(number) if number.is_finite() => Ok(format!("{number:?}")),
        _ => text(node),
    }
}
