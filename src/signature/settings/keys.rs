//! `[signatures.NAME.keys]`: where a signer's key comes from.

use crate::{
    config::{
        reader::Section,
        values::{Names, reference},
        writer::{Writer, Written},
    },
    keys::{
        self,
        settings::{KeySettings, KeySource},
    },
    policy::ids::IssuerId,
    registry::settings::RegistrySettings,
    signature::settings::{SignerSource, key},
};

/// Where a signer's key comes from.
#[derive(Debug, Clone)]
pub enum SignerKeys {
    /// The keys of a configured issuer.
    Issuer(IssuerId),
    /// A key set of its own.
    Set(Box<KeySettings>),
    /// A registry, which looks up each signer.
    Registry(Box<RegistrySettings>),
}

const EXPECTED: &str = "one of jwks_url, jwk_url, jwks_file, pem_file, hex, discovery (a URL), \
                        issuer (whose keys are meant) or a registry table";

impl SignerKeys {
    pub(super) fn read(
        section: &mut Section<'_>,
        signer: Option<&SignerSource>,
        issuers: &Names<IssuerId>,
    ) -> Option<Self> {
        let keys = section.section(key::KEYS, |keys| Self::read_source(keys, issuers));
        let is_set = matches!(keys, Some(Self::Issuer(_) | Self::Set(_)));
        if let (true, Some(SignerSource::Parameter(name))) = (is_set, signer) {
            // The holder of any key in the set could write another signer's name there.
            section.mistake(
                key::SIGNER,
                format!(
                    "the header parameter {name:?} does not say whose key of a set it is; expected \
                     keys from a registry"
                ),
            );
        }
        keys
    }

    pub(super) fn write(&self, issuers: &Names<IssuerId>) -> Written {
        let writer = Writer::default();
        match self {
            Self::Issuer(issuer) => writer.reference(key::ISSUER, issuers, *issuer).table(),
            Self::Set(keys) => keys.write(),
            Self::Registry(registry) => writer.value(key::REGISTRY, registry.write()).table(),
        }
    }

    fn read_source(section: &mut Section<'_>, issuers: &Names<IssuerId>) -> Option<Self> {
        if section.peek(key::ISSUER).is_some() {
            let issuer = section.optional(key::ISSUER, reference("an issuer", issuers));
            return issuer.map(Self::Issuer);
        }
        section.node(key::ISSUER);
        if section.peek(key::REGISTRY).is_some() {
            let registry = section.section(key::REGISTRY, RegistrySettings::read);
            return registry.map(|registry| Self::Registry(Box::new(registry)));
        }
        section.node(key::REGISTRY);
        let mistakes = section.mistakes();
        let keys = KeySettings::read(section, None);
        match keys.as_ref().map(|keys| &keys.source) {
            Some(KeySource::SecretFile(_)) => {
                section.mistake(
                    keys::settings::key::SECRET_FILE,
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
