//! All sections of a configuration together → validated, immutable [`Settings`].
//!
//! Each section has a file of its own that holds its settings, their defaults and bounds with the
//! reasons, and how they are read. Here they are assembled, what concerns several of them is
//! checked, and all of it is written back (`effective`). Every mistake is collected; if there is
//! none, and only then, there are [`Settings`].
//!
//! Nothing starts half-configured: an unknown key, a reference to nothing, a file that can't be
//! read are mistakes, not surprises for later.

mod across;
mod assertion;
mod cache;
mod claim_values;
mod claims;
mod client;
mod credential;
mod denials;
mod effective;
mod evidence;
mod forwarding;
mod identity;
mod introspection;
mod issuers;
mod keys;
mod listen;
mod log;
mod oauth_client;
mod private_key;
mod registry;
mod revocation;
mod routes;
mod secret_files;
mod server;
mod shared;
mod signatures;
mod tls;
mod upstreams;
mod warnings;
mod whole;

pub use assertion::AssertionSettings;
pub use cache::CacheSettings;
pub use claim_values::ClaimRequirement;
pub use claims::ClaimHeaderSettings;
pub use client::ClientSettings;
pub use credential::{CredentialSettings, CredentialSource};
pub use denials::{
    BodyTemplate, BuiltInProfile, DenialProfile, DenialSettings, OwnAnswerSettings,
    OwnBodySettings, OwnProfileSettings, Place,
};
pub use evidence::{EvidenceFailure, EvidenceSettings};
pub use forwarding::ForwardingSettings;
pub use identity::IdentitySettings;
pub use introspection::{
    IntrospectWhen, IntrospectionEndpoint, IntrospectionMethod, IntrospectionSettings,
};
pub use issuers::{
    ClaimForm, ClaimFormat, CookieBindingSettings, DEFAULT_ALGORITHMS, IssuerSettings,
    LogoutSettings, TokenProfile,
};
pub use keys::{KeyFileError, KeyOwner, KeySettings, KeySource};
pub use listen::ListenAddress;
pub use log::{LogFormat, LogSettings};
pub use oauth_client::{ClientProof, parse_client_key, parse_client_secret};
pub use private_key::PrivateKey;
pub use registry::{FieldRequirement, KeyFormat, RegistrySettings, SelectSettings, SignerUrl};
pub use revocation::{ListSettings, ListSource, OnFailure, RevocationSettings};
pub use routes::{AccessSettings, RequirementSettings, RouteSettings};
pub use server::{AdminSettings, HeldBodySettings, LimitSettings, ServerSettings};
pub use shared::{Integrity, SharedAddress, SharedSettings};
pub use signatures::{
    BodilessSettings, CallerBinding, FreshnessSettings, HeaderRequirement, MessageField,
    ReplaySettings, RequiredValue, RespondSettings, SignatureFact, SignatureHeaderSettings,
    SignatureProfile, SignatureSettings, SignedPath, SignerKeys, SignerSource,
};
pub use tls::{ClientAuth, TlsFileError, TlsFiles, TlsSettings};
pub use upstreams::{UpstreamAddress, UpstreamSettings};
pub use whole::Settings;

use crate::config::{ConfigErrors, Sources, reader::Section, report::Report};

/// Reads, merges and validates a configuration.
///
/// # Errors
/// Every mistake in it, at once. Only a layer that can't be read at all (no such file, not TOML)
/// hides the others.
pub fn load(sources: &Sources) -> Result<Settings, ConfigErrors> {
    let tree = sources.read().map_err(ConfigErrors)?;
    let report = Report::default();
    let settings = Section::root(&tree, &report, Settings::build);
    report.finish(settings)
}

#[cfg(test)]
mod tests;
