//! `[identity]`: how the upstream learns who sends a request, besides `[claims]`.

use crate::{
    config::{
        reader::Section,
        writer::{Writer, Written},
    },
    identity::{
        assertion::settings::AssertionSettings,
        client_certificate::settings::CertificateHeaderSettings,
    },
};

pub(crate) mod key {
    pub(crate) const ASSERTION: &str = "assertion";
    pub(crate) const CLIENT_CERTIFICATE: &str = "client_certificate";
}

/// `[identity]`
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The signed form of the claims; `None`: there is none.
    pub assertion: Option<AssertionSettings>,
    /// What the upstream receives of a client's certificate; `None`: nothing.
    pub client_certificate: Option<CertificateHeaderSettings>,
}

impl IdentitySettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            assertion: section.section(key::ASSERTION, AssertionSettings::read),
            client_certificate: section
                .section(key::CLIENT_CERTIFICATE, CertificateHeaderSettings::read),
        }
    }

    /// `None` where nothing of it is configured.
    pub(crate) fn write(&self) -> Option<Written> {
        if self.assertion.is_none() && self.client_certificate.is_none() {
            return None;
        }
        let assertion = self.assertion.as_ref().map(AssertionSettings::write);
        let certificate = self.client_certificate.as_ref().map(CertificateHeaderSettings::write);
        let writer = Writer::default()
            .optional_value(key::ASSERTION, assertion)
            .optional_value(key::CLIENT_CERTIFICATE, certificate);
        Some(writer.table())
    }
}
