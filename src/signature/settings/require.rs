//! `[signatures.NAME.require]`: what parameters of the signature's header must hold.

use crate::{
    config::{reader::Section, writer::Writer},
    policy::{
        RequiredValue,
        comparison::settings::{required_value, written_value},
    },
    signature::settings::key,
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
pub(super) fn read(section: &mut Section<'_>) -> Option<Vec<HeaderRequirement>> {
    section.section(key::REQUIRE, |require| {
        let is_present = require.is_present();
        let requirements = require.each_member(|name, node| {
            Ok(HeaderRequirement { parameter: name.to_owned(), value: required_value(node)? })
        });
        is_present.then_some(requirements)
    })
}

pub(super) fn write(writer: Writer, requirements: &[HeaderRequirement]) -> Writer {
    let members = requirements.iter();
    let members = members.map(|known| (known.parameter.clone(), written_value(&known.value)));
    writer.optional_members(key::REQUIRE, members)
}
