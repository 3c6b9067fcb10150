//! What the providers of one configuration are made from.

use crate::{
    introspection::settings::IntrospectedIssuer, keys::settings::KeyOwner,
    registry::settings::RegistrySettings, revocation::settings::RevocationSettings,
    shared::settings::SharedSettings,
};

/// The parts of a configuration that [`Providers`](super::Providers) are made from.
#[derive(Debug)]
pub struct ProviderParts<'s> {
    /// The issuers' keys, in the order of the issuers.
    pub issuer_keys: Vec<KeyOwner>,
    /// How each of the issuers is asked about tokens; `None`: it is not.
    pub introspected: Vec<Option<IntrospectedIssuer<'s>>>,
    /// The signers' keys, in the order of the signatures.
    pub signers: Vec<SignerKeySource<'s>>,
    /// What is revoked.
    pub revocation: &'s RevocationSettings,
    /// What is shared with other replicas; `None`: nothing.
    pub shared: Option<&'s SharedSettings>,
}

/// Where the keys of a signature's signers come from.
#[derive(Debug)]
pub enum SignerKeySource<'s> {
    /// An issuer, whose keys are looked after anyway.
    Issuer,
    /// A key set of its own.
    Set(Box<KeyOwner>),
    /// A registry, by the name of the signature.
    Registry(&'s str, &'s RegistrySettings),
}

impl SignerKeySource<'_> {
    /// The key set, if it is one of its own.
    pub(super) fn key_owner(&self) -> Option<&KeyOwner> {
        match self {
            Self::Set(owner) => Some(owner),
            Self::Issuer | Self::Registry(..) => None,
        }
    }
}
