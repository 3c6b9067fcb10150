//! What each room takes of the settings.

use super::Settings;
use crate::{
    keys::settings::KeyOwner, providers::ProviderParts, signature::settings::SignatureSettings,
    token::issuer::settings::IssuerSettings,
};

impl Settings {
    /// What the providers are made from.
    pub fn provider_parts(&self) -> ProviderParts<'_> {
        ProviderParts {
            issuer_keys: self.issuers.iter().map(KeyOwner::from).collect(),
            introspected: self.issuers.iter().map(IssuerSettings::introspected).collect(),
            signers: self.signatures.iter().map(SignatureSettings::signer_keys).collect(),
            revocation: &self.revocation,
            shared: self.shared.as_ref(),
        }
    }
}
