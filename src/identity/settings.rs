//! `[identity]`: how the upstream learns who sends a request, besides `[claims]`.

pub mod written;

use crate::{config::reader::Section, identity::assertion::settings::AssertionSettings};

/// `[identity]`
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<AssertionSettings>,
}

impl IdentitySettings {
    pub(crate) fn build(section: &mut Section<'_>) -> Self {
        Self { assertion: section.section("assertion", AssertionSettings::build) }
    }
}
