//! What the user writes (file, environment, flags) → validated, immutable [`Settings`].
//!
//! The way of a configuration:
//!
//! 1. `source` merges the layers, later ones winning key by key, and keeps the origin of every
//!    value: built-in defaults < file (TOML, YAML or JSON) < `COUNTERSIGN_*` environment < flags.
//! 2. `reader` walks the merged tree section by section. Each section has a file of its own that
//!    holds its settings, their defaults and bounds with the reasons, and how they are read.
//! 3. Every mistake is collected with its origin, its key, what was found and what was expected;
//!    if there is none, and only then, there are [`Settings`].
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
mod environment;
pub mod error;
mod evidence;
mod files;
mod flags;
mod forwarding;
mod identity;
mod introspection;
mod issuers;
mod keys;
mod listen;
mod log;
mod nearest;
mod node;
mod oauth_client;
mod private_key;
mod reader;
mod registry;
mod report;
mod revocation;
mod routes;
mod secret_files;
mod server;
pub mod settings;
mod shared;
mod signatures;
mod source;
mod tls;
mod upstreams;
mod urls;
mod values;
mod warnings;

pub use assertion::AssertionSettings;
pub use cache::CacheSettings;
pub use claims::ClaimHeaderSettings;
pub use client::ClientSettings;
pub use credential::{CredentialSettings, CredentialSource};
pub use denials::{
    BodyTemplate, BuiltInProfile, DenialProfile, DenialSettings, OwnAnswerSettings,
    OwnBodySettings, OwnProfileSettings, Place,
};
pub use error::{ConfigError, ConfigErrors};
pub use evidence::{EvidenceFailure, EvidenceSettings};
pub use flags::{FLAG_NAME, Flags};
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
pub use settings::Settings;
pub use shared::{Integrity, SharedAddress, SharedSettings};
pub use signatures::{
    BodilessSettings, CallerBinding, FreshnessSettings, HeaderRequirement, MessageField,
    ReplaySettings, RespondSettings, SignatureFact, SignatureHeaderSettings, SignatureProfile,
    SignatureSettings, SignedPath, SignerKeys, SignerSource,
};
pub use source::Sources;
pub use tls::{ClientAuth, TlsFileError, TlsFiles, TlsSettings};
pub use upstreams::{UpstreamAddress, UpstreamSettings};

use reader::Section;
use report::Report;

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
