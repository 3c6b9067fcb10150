//! `[signatures.NAME.require]`: what parameters of the signature's header must hold.

use crate::{
    config::reader::Section,
    policy::{RequiredValue, comparison::settings::required_value},
};

/// A header parameter, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRequirement {
    /// Its name, as it is.
    pub parameter: String,
    /// What it must be.
    pub value: RequiredValue,
}

/// `None` if there is no such table.
pub(super) fn build(section: &mut Section<'_>) -> Option<Vec<HeaderRequirement>> {
    section.section("require", |require| {
        let is_present = require.is_present();
        let requirements = require.each_member(|name, node| {
            Ok(HeaderRequirement { parameter: name.to_owned(), value: required_value(node)? })
        });
        is_present.then_some(requirements)
    })
}
