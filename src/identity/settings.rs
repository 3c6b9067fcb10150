//! `[identity]`: how the upstream learns who sends a request, besides `[claims]`.

use crate::{
    config::{
        reader::Section,
        writer::{Writer, Written},
    },
    identity::assertion::settings::AssertionSettings,
};

pub(crate) mod key {
    pub(crate) const ASSERTION: &str = "assertion";
}

/// `[identity]`
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<AssertionSettings>,
}

impl IdentitySettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self { assertion: section.section(key::ASSERTION, AssertionSettings::read) }
    }

    /// `None` where nothing of it is configured.
    pub(crate) fn write(&self) -> Option<Written> {
        let assertion = self.assertion.as_ref()?.write();
        Some(Writer::default().value(key::ASSERTION, assertion).table())
    }
}
