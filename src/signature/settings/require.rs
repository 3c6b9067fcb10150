//! `[signatures.NAME.require]`: what parameters of the signature's header must hold.

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        values::text,
    },
    identity::headers::settings::claim_path,
    policy::{RequiredValue, comparison::settings::accepted_values},
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
        Value::Table(_) => match only_member(node, EXPECTED)? {
            ("claim", claim) => Ok(RequiredValue::Claim(claim_path(&text(claim)?)?)),
            _ => Err(node.mismatch(EXPECTED)),
        },
        _ => accepted_values(node, EXPECTED).map(RequiredValue::AnyOf),
    }
}
