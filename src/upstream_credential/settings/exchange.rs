//! What the caller's token is exchanged for (RFC 8693 §2.1).

use crate::{
    config::{
        reader::Section,
        values::{count, keyword, size},
        writer::Writer,
    },
    upstream_credential::settings::{ActorSettings, GrantSettings, key},
};

/// An exchange of the caller's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeSettings {
    /// How it is requested.
    pub grant: GrantSettings,
    /// What the caller's token is.
    pub subject_type: TokenType,
    /// What is to be issued.
    pub requested_type: TokenType,
    /// In whose name, besides the caller's, the request to the service is made.
    pub actor: Option<ActorSettings>,
    /// The most tokens kept, by all workers together.
    pub cache_entries: usize,
    /// The most bytes that kept tokens take.
    pub cache_bytes: usize,
}

/// A kind of token (RFC 8693 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// For the endpoints of a service.
    AccessToken,
    /// Any JWT.
    Jwt,
    /// An ID token.
    IdToken,
}

/// As of introspection: one for each caller's token in use.
const DEFAULT_CACHE_ENTRIES: usize = 20_000;
const MAX_CACHE_ENTRIES: usize = 10_000_000;
/// Room for the default number of entries at some 1.5 KiB each.
const DEFAULT_CACHE_BYTES: usize = 32 * 1024 * 1024;
const MIN_CACHE_BYTES: usize = 64 * 1024;
const MAX_CACHE_BYTES: usize = 4 * 1024 * 1024 * 1024;

pub(super) const TOKEN_TYPES: &[(&str, TokenType)] = &[
    ("access_token", TokenType::AccessToken),
    ("jwt", TokenType::Jwt),
    ("id_token", TokenType::IdToken),
];

impl ExchangeSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let types = keyword(TOKEN_TYPES);
        let usual = TokenType::AccessToken;
        let subject_type = section.or(key::SUBJECT_TOKEN_TYPE, usual, &types);
        let requested_type = section.or(key::REQUESTED_TOKEN_TYPE, usual, &types);
        let actor = section.optional(key::ACTOR, ActorSettings::read);
        let entries = count(1..=MAX_CACHE_ENTRIES);
        let bytes = size(MIN_CACHE_BYTES..=MAX_CACHE_BYTES);
        let cache_entries = section.or(key::CACHE_ENTRIES, DEFAULT_CACHE_ENTRIES, entries);
        let cache_bytes = section.or(key::CACHE_BYTES, DEFAULT_CACHE_BYTES, bytes);
        let grant = GrantSettings::read(section);
        if grant.as_ref().is_some_and(|it| it.audience.is_empty() && it.resource.is_empty()) {
            let message = "missing; expected the service that the token is for, as \"orders\", or \
                           resource with its URL";
            section.mistake(key::AUDIENCE, message.to_owned());
        }
        Some(Self {
            grant: grant?,
            subject_type,
            requested_type,
            actor,
            cache_entries,
            cache_bytes,
        })
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = self
            .grant
            .write(writer)
            .keyword(key::SUBJECT_TOKEN_TYPE, TOKEN_TYPES, &self.subject_type)
            .keyword(key::REQUESTED_TOKEN_TYPE, TOKEN_TYPES, &self.requested_type)
            .count(key::CACHE_ENTRIES, self.cache_entries)
            .size(key::CACHE_BYTES, self.cache_bytes);
        writer.optional_value(key::ACTOR, self.actor.as_ref().map(ActorSettings::write))
    }
}

impl TokenType {
    /// Its identifier (RFC 8693 §3).
    pub fn uri(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
        }
    }
}
