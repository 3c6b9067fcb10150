//! The parts of a configuration that the providers are built from.

use super::ReadinessRules;
use crate::{
    introspection::settings::IntrospectedIssuer,
    keys::settings::{IssuerKeySource, KeyOwner},
    policy::ids::{IssuerId, PerIssuer, PerSignature, PerUpstreamCredential},
    registry::settings::RegistrySettings,
    revocation::settings::RevocationSettings,
    shared::settings::SharedSettings,
    upstream_credential::settings::UpstreamCredentialSettings,
};

/// The parts of a configuration that [`Providers`](super::Providers) are built from.
#[derive(Debug)]
pub struct ProviderParts<'s> {
    /// The issuers' keys.
    pub issuer_keys: PerIssuer<IssuerKeySource>,
    /// The introspection of each issuer; `None`: it is off.
    pub introspected: PerIssuer<Option<IntrospectedIssuer<'s>>>,
    /// The keys of each signature's signers.
    pub signers: PerSignature<SignerKeySource<'s>>,
    /// What upstreams receive in place of callers' tokens.
    pub upstream_credentials: &'s PerUpstreamCredential<UpstreamCredentialSettings>,
    /// What is revoked.
    pub revocation: &'s RevocationSettings,
    /// What is shared with other replicas; `None`: nothing.
    pub shared: Option<&'s SharedSettings>,
    /// What of it may be missing.
    pub readiness: ReadinessRules,
}

/// Where the keys of a signature's signers come from.
#[derive(Debug)]
pub enum SignerKeySource<'s> {
    /// An issuer, whose keys are refreshed anyway.
    Issuer(IssuerId),
    /// A key set of its own.
    Set(Box<KeyOwner>),
    /// A registry, by the name of the signature.
    Registry(&'s str, &'s RegistrySettings),
}
