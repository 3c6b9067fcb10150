//! `{ claim = "value" }`: values that a claim must have, where routes and issuers ask for them.

use toml::{Table, Value as Written};

use crate::{
    config::{
        node::{Node, Value, only_member},
        reader::{Parsed, Section},
        values::text,
    },
    identity::headers::settings::claim_path,
    policy::{ClaimComparison, RequiredValue},
};

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

/// The table, written back; `None` where nothing is asked.
pub(crate) fn written(requirements: &[ClaimComparison]) -> Option<Written> {
    let table: Table = requirements
        .iter()
        .map(|requirement| {
            let values = requirement.any_of.iter().cloned().map(Written::from);
            (requirement.claim.as_str().to_owned(), Written::Array(values.collect()))
        })
        .collect();
    (!table.is_empty()).then(|| table.into())
}

const EXPECTED_VALUE: &str =
    "a text, a list of texts of which one must match, or { claim = \"azp\" }";

/// What something must be.
pub(crate) fn required_value(node: &Node) -> Parsed<RequiredValue> {
    match &node.value {
        Value::Table(_) => match only_member(node, EXPECTED_VALUE)? {
            ("claim", claim) => Ok(RequiredValue::Claim(claim_path(&text(claim)?)?)),
            _ => Err(node.mismatch(EXPECTED_VALUE)),
        },
        _ => accepted_values(node, EXPECTED_VALUE).map(RequiredValue::AnyOf),
    }
}

/// The same, written back.
pub(crate) fn written_value(value: &RequiredValue) -> Written {
    match value {
        RequiredValue::AnyOf(texts) => {
            texts.iter().cloned().map(Written::from).collect::<Vec<_>>().into()
        }
        RequiredValue::Claim(claim) => {
            Table::from_iter([("claim".to_owned(), Written::from(claim.as_str()))]).into()
        }
    }
}

/// `"admin"`, `true` or `["admin", "auditor"]`.
pub(crate) fn accepted_values(node: &Node, expected: &str) -> Parsed<Vec<String>> {
    match &node.value {
        Value::List(list) if !list.is_empty() => list.iter().map(accepted_value).collect(),
        Value::Text(_) | Value::Bool(_) | Value::Integer(_) => {
            accepted_value(node).map(|value| vec![value])
        }
        _ => Err(node.mismatch(expected)),
    }
}

/// A truth value or an integer accepts the claim that is written so, as a text or as itself.
fn accepted_value(node: &Node) -> Parsed<String> {
    match &node.value {
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Integer(number) => Ok(number.to_string()),
        _ => text(node),
    }
}
