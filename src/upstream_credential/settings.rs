//! `[upstream_credentials.NAME]`: what a service receives as credential in place of the caller's
//! token.

mod actor;
mod exchange;
mod grant;
mod header;
mod secret;

use std::path::{Path, PathBuf};

use crate::{
    config::{
        reader::Section,
        values::{check_name, keyword},
        writer::{Writer, Written},
    },
    policy::{ids::PerUpstreamCredential, upstream_credential::BUILT_IN},
};

pub use self::{
    actor::ActorSettings,
    exchange::{ExchangeSettings, TokenType},
    grant::GrantSettings,
    header::CredentialHeader,
    secret::parse_upstream_secret,
};
pub(crate) use self::{header::is_sendable, secret::MAX_SECRET_BYTES};

pub(crate) mod key {
    pub(crate) const KIND: &str = "kind";
    pub(crate) const HEADER: &str = "header";
    pub(crate) const SCHEME: &str = "scheme";
    pub(crate) const FILE: &str = "file";
    pub(crate) const TOKEN_URL: &str = "token_url";
    pub(crate) const AUDIENCE: &str = "audience";
    pub(crate) const RESOURCE: &str = "resource";
    pub(crate) const SCOPES: &str = "scopes";
    pub(crate) const MAX_TOKEN_BYTES: &str = "max_token_bytes";
    pub(crate) const SUBJECT_TOKEN_TYPE: &str = "subject_token_type";
    pub(crate) const REQUESTED_TOKEN_TYPE: &str = "requested_token_type";
    pub(crate) const ACTOR: &str = "actor";
    pub(crate) const TYPE: &str = "type";
    pub(crate) const CACHE_ENTRIES: &str = "cache_entries";
    pub(crate) const CACHE_BYTES: &str = "cache_bytes";
}

/// `[upstream_credentials.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamCredentialSettings {
    /// The name in the configuration: what routes, upstreams, metrics and logs call it.
    pub name: String,
    /// Where in the request it is put.
    pub header: CredentialHeader,
    /// How it is obtained.
    pub source: UpstreamCredentialSource,
}

/// How a credential is obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamCredentialSource {
    /// A token of the proxy's own (RFC 6749 §4.4).
    ClientCredentials(Box<GrantSettings>),
    /// A token that the caller's is exchanged for (RFC 8693).
    Exchange(Box<ExchangeSettings>),
    /// The content of a file.
    Static(PathBuf),
    /// The assertion of `[identity.assertion]`.
    Assertion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    ClientCredentials,
    Exchange,
    Static,
    Assertion,
}

/// Each has a worker and a cache of its own.
const MAX_CREDENTIALS: usize = 256;

const KINDS: &[(&str, SourceKind)] = &[
    ("client-credentials", SourceKind::ClientCredentials),
    ("exchange", SourceKind::Exchange),
    ("static", SourceKind::Static),
    ("assertion", SourceKind::Assertion),
];

const EXPECTED_KIND: &str = "\"client-credentials\" or \"exchange\" or \"static\" or \"assertion\"";

/// Keys that belong to one kind or another, besides those of client authentication.
const KEYS_OF_KINDS: &[&str] = &[
    key::FILE,
    key::TOKEN_URL,
    key::AUDIENCE,
    key::RESOURCE,
    key::SCOPES,
    key::MAX_TOKEN_BYTES,
    key::SUBJECT_TOKEN_TYPE,
    key::REQUESTED_TOKEN_TYPE,
    key::ACTOR,
    key::CACHE_ENTRIES,
    key::CACHE_BYTES,
];

/// Reads `[upstream_credentials]`.
pub(crate) fn read(section: &mut Section<'_>) -> PerUpstreamCredential<UpstreamCredentialSettings> {
    let credentials = section.each_table(|name, credential| {
        if let Err(message) = check_name(name) {
            credential.own_mistake(message);
        }
        if BUILT_IN.iter().any(|(taken, _)| *taken == name) {
            let message = format!("{name:?} has a meaning of its own; expected another name");
            credential.own_mistake(message);
        }
        UpstreamCredentialSettings::read(name, credential)
    });
    if credentials.len() > MAX_CREDENTIALS {
        section.own_mistake(format!("expected at most {MAX_CREDENTIALS} credentials"));
    }
    credentials.into_iter().flatten().collect()
}

/// Writes the members of `[upstream_credentials]`.
pub(crate) fn write(
    credentials: &PerUpstreamCredential<UpstreamCredentialSettings>,
) -> impl Iterator<Item = (String, Written)> + use<'_> {
    credentials.iter().map(|credential| (credential.name.clone(), credential.write()))
}

impl UpstreamCredentialSettings {
    fn read(name: &str, section: &mut Section<'_>) -> Option<Self> {
        let header = CredentialHeader::read(section);
        let kind = section.required(key::KIND, EXPECTED_KIND, keyword(KINDS));
        let source = kind.map(|kind| UpstreamCredentialSource::read(section, kind));
        if kind.is_some() {
            refuse_keys_of_others(section);
        } else {
            // Which keys belong to it is not known: the kind is the one mistake.
            section.each_member(|_, _| Ok(()));
        }
        Some(Self { name: name.to_owned(), header: header?, source: source?? })
    }

    fn write(&self) -> Written {
        let writer = self.header.write(Writer::default());
        let kind = |writer: Writer, kind| writer.keyword(key::KIND, KINDS, &kind);
        match &self.source {
            UpstreamCredentialSource::ClientCredentials(grant) => {
                grant.write(kind(writer, SourceKind::ClientCredentials))
            }
            UpstreamCredentialSource::Exchange(exchange) => {
                exchange.write(kind(writer, SourceKind::Exchange))
            }
            UpstreamCredentialSource::Static(file) => {
                kind(writer, SourceKind::Static).path(key::FILE, file)
            }
            UpstreamCredentialSource::Assertion => kind(writer, SourceKind::Assertion),
        }
        .table()
    }

    /// Whether it depends on who calls.
    pub(crate) fn needs_caller(&self) -> bool {
        match self.source {
            UpstreamCredentialSource::Exchange(_) | UpstreamCredentialSource::Assertion => true,
            UpstreamCredentialSource::ClientCredentials(_)
            | UpstreamCredentialSource::Static(_) => false,
        }
    }

    /// How its token endpoint is called, if it has one.
    pub(crate) fn grant(&self) -> Option<&GrantSettings> {
        match &self.source {
            UpstreamCredentialSource::ClientCredentials(grant) => Some(grant),
            UpstreamCredentialSource::Exchange(exchange) => Some(&exchange.grant),
            UpstreamCredentialSource::Static(_) | UpstreamCredentialSource::Assertion => None,
        }
    }

    /// The files that hold secrets, each with the name of its setting.
    pub(crate) fn secret_files(&self) -> Vec<(&'static str, &Path)> {
        let own = match &self.source {
            UpstreamCredentialSource::Static(file) => Some((key::FILE, &**file)),
            UpstreamCredentialSource::Exchange(exchange) => {
                exchange.actor.as_ref().and_then(ActorSettings::secret_file)
            }
            UpstreamCredentialSource::ClientCredentials(_)
            | UpstreamCredentialSource::Assertion => None,
        };
        let of_client = self.grant().into_iter().flat_map(|grant| grant.client.secret_files());
        own.into_iter().chain(of_client).collect()
    }
}

impl UpstreamCredentialSource {
    fn read(section: &mut Section<'_>, kind: SourceKind) -> Option<Self> {
        match kind {
            SourceKind::ClientCredentials => {
                GrantSettings::read(section).map(|it| Self::ClientCredentials(Box::new(it)))
            }
            SourceKind::Exchange => {
                ExchangeSettings::read(section).map(|it| Self::Exchange(Box::new(it)))
            }
            SourceKind::Static => {
                let expected = "a file with the credential";
                section.required(key::FILE, expected, secret::secret_file).map(Self::Static)
            }
            SourceKind::Assertion => Some(Self::Assertion),
        }
    }
}

/// Keys of other kinds are known too, and reported as misplaced.
fn refuse_keys_of_others(section: &mut Section<'_>) {
    for name in KEYS_OF_KINDS {
        if section.peek(name).is_some() && !section.has_taken(name) {
            section.node(name);
            section.mistake(name, "has no effect with this kind".to_owned());
        }
    }
}
