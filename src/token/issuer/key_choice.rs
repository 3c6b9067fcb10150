//! Which key of an issuer's set a token names.

use crate::{
    jose::ProtectedHeader,
    keys::KeyQuery,
    reason::Reason,
    token::issuer::settings::{IssuerSettings, KeySelector, TenantSettings},
};

/// The header parameters by which an issuer's keys are found, and whose keys they may be.
#[derive(Debug)]
pub(super) struct KeyChoice {
    selectors: Vec<KeySelector>,
    /// What a key of every tenant calls its issuer; `None`: keys are not asked whose they are.
    common_issuer: Option<String>,
}

impl KeyChoice {
    pub(super) fn new(settings: &IssuerSettings) -> Self {
        Self {
            selectors: settings.key_selectors.clone(),
            common_issuer: settings.tenant.as_ref().map(TenantSettings::published),
        }
    }

    /// Whether `kid` and algorithm are all that a key is chosen by.
    pub(super) fn is_by_kid(&self) -> bool {
        self.selectors == [KeySelector::Kid] && self.common_issuer.is_none()
    }

    /// What the header says of the key, as far as the issuer's settings believe it. Of several
    /// names all must be the key's. Certificates in the header are not looked at (threats T-15).
    pub(super) fn query<'q>(
        &'q self,
        header: &'q ProtectedHeader,
        iss: &'q str,
    ) -> Result<KeyQuery<'q>, Reason> {
        let issuers = self.common_issuer.as_deref().map(|common| [iss, common]);
        let mut query = KeyQuery { issuers, ..KeyQuery::default() };
        for selector in &self.selectors {
            match selector {
                KeySelector::Kid => query.kid = header.kid(),
                KeySelector::CertificateSha1 => {
                    let hash = header.certificate_sha1().transpose();
                    query.sha1 = hash.map_err(|_| Reason::HeaderMalformed)?;
                }
                KeySelector::CertificateSha256 => {
                    let hash = header.certificate_sha256().transpose();
                    query.sha256 = hash.map_err(|_| Reason::HeaderMalformed)?;
                }
            }
        }
        Ok(query)
    }
}
