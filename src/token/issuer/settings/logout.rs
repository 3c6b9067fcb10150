//! `[issuers.NAME.backchannel_logout]`: whom the issuer may log out.

use crate::{
    config::{
        reader::Section,
        values::name,
        writer::{Writer, Written},
    },
    token::issuer::settings::key,
};

/// `[issuers.NAME.backchannel_logout]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutSettings {
    /// The clients whose logout tokens are taken: one of them must be in `aud`. Never empty.
    pub client_ids: Vec<String>,
}

impl LogoutSettings {
    /// Without its clients a logout token could not be assigned to one.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        const EXPECTED: &str = "the clients that are logged out, such as [\"web\"]";
        let client_ids = section.list(key::CLIENT_IDS, EXPECTED, name(EXPECTED));
        if client_ids.is_none() && section.is_present() && section.peek(key::CLIENT_IDS).is_none() {
            section.mistake(key::CLIENT_IDS, format!("missing; expected {EXPECTED}"));
        }
        Some(Self { client_ids: client_ids? })
    }

    pub(super) fn write(&self) -> Written {
        Writer::default().list(key::CLIENT_IDS, &self.client_ids).table()
    }
}
