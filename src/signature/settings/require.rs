//! `[signatures.NAME.require]`: what parameters of the signature's header must hold.

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::text,
    },
    identity::{ClaimPath, headers::settings::claim_path},
    signature::settings::signer::only_member,
};

/// A header parameter, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRequirement {
    /// Its name, as it is.
    pub parameter: String,
    /// What it must be.
    pub value: RequiredValue,
}

/// What something must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredValue {
    /// One of these texts.
    AnyOf(Vec<String>),
    /// The same as a claim of the verified token.
    Claim(ClaimPath),
}

const EXPECTED: &str = "a text, a list of texts of which one must match, or { claim = \"azp\" }";

/// `None` if there is no such table.
pub(super) fn build(section: &mut Section<'_>) -> Option<Vec<HeaderRequirement>> {
    section.section("require", |require| {
        let is_present = require.is_present();
        let requirements = require.each_member(|name, node| {
            Ok(HeaderRequirement { parameter: name.to_owned(), value: required(node)? })
        });
        is_present.then_some(requirements)
    })
}

/// What something must be.
pub(crate) fn required(node: &Node) -> Parsed<RequiredValue> {
    match &node.value {
        Value::Text(_) => Ok(RequiredValue::AnyOf(vec![text(node)?])),
        Value::Bool(truth) => Ok(RequiredValue::AnyOf(vec![truth.to_string()])),
        Value::List(list) if !list.is_empty() => {
            list.iter().map(text).collect::<Parsed<_>>().map(RequiredValue::AnyOf)
        }
        _ => match only_member(node, EXPECTED)? {
            ("claim", claim) => Ok(RequiredValue::Claim(claim_path(&text(claim)?)?)),
            _ => Err(node.mismatch(EXPECTED)),
        },
    }
}
