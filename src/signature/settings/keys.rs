//! `[signatures.NAME.keys]`: where a signer's key comes from.

use crate::{
    config::{
        reader::Section,
        values::{Names, reference},
    },
    keys::settings::{KeySettings, KeySource},
    policy::ids::IssuerId,
    registry::settings::RegistrySettings,
    signature::settings::SignerSource,
};

/// Where a signer's key comes from.
#[derive(Debug, Clone)]
pub enum SignerKeys {
    /// The keys of a configured issuer.
    Issuer(IssuerId),
    /// A key set of its own.
    Set(Box<KeySettings>),
    /// A registry, which is asked about each signer.
    Registry(Box<RegistrySettings>),
}

const EXPECTED: &str = "one of jwks_url, jwk_url, jwks_file, pem_file, hex, discovery (a URL), \
                        issuer (whose keys are meant) or a registry table";

impl SignerKeys {
    pub(super) fn build(
        section: &mut Section<'_>,
        signer: Option<&SignerSource>,
        issuers: &Names<IssuerId>,
    ) -> Option<Self> {
        let keys = section.section("keys", |keys| Self::read(keys, issuers));
        let is_set = matches!(keys, Some(Self::Issuer(_) | Self::Set(_)));
        if let (true, Some(SignerSource::Parameter(name))) = (is_set, signer) {
            // Anybody with a key in the set could write anybody's name there.
            section.mistake(
                "signer",
                format!(
                    "the header parameter {name:?} does not say whose key of a set it is; expected \
                     keys from a registry"
                ),
            );
        }
        keys
    }

    fn read(section: &mut Section<'_>, issuers: &Names<IssuerId>) -> Option<Self> {
        if section.peek("issuer").is_some() {
            return section.optional("issuer", reference("an issuer", issuers)).map(Self::Issuer);
        }
        section.node("issuer");
        if section.peek("registry").is_some() {
            let registry = section.section("registry", RegistrySettings::build);
            return registry.map(|registry| Self::Registry(Box::new(registry)));
        }
        section.node("registry");
        let mistakes = section.mistakes();
        let keys = KeySettings::build(section, None);
        match keys.as_ref().map(|keys| &keys.source) {
            Some(KeySource::SecretFile(_)) => {
                section.mistake(
                    "secret_file",
                    "a shared secret proves nothing about who signed; expected a public key"
                        .to_owned(),
                );
                None
            }
            Some(_) => keys.map(|keys| Self::Set(Box::new(keys))),
            None => {
                if section.mistakes() == mistakes {
                    section.own_mistake(format!("no key source is given; expected {EXPECTED}"));
                }
                None
            }
        }
    }
}
