//! `[identity]`: how the upstream is told who sends a request, besides `[claims]`.

use super::assertion::AssertionSettings;
use crate::config::reader::Section;

/// `[identity]`
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<AssertionSettings>,
}

impl IdentitySettings {
    pub(super) fn build(section: &mut Section<'_>) -> Self {
        Self { assertion: section.section("assertion", AssertionSettings::build) }
    }
}
