//! `access`, and what a route requires of a token.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{keyword, name_of, reference, text},
        writer::Writer,
    },
    policy::{
        ClaimComparison, comparison,
        ids::{IssuerId, ResourceId},
        settings::{AuthenticationSettings, KnownNames, key},
    },
};

/// Who may pass a route.
#[derive(Debug, Clone)]
pub enum AccessSettings {
    /// Every client, without checking any credential.
    Public,
    /// Holders of a token.
    Token(RequirementSettings),
}

/// What a route requires of a token.
#[derive(Debug, Clone, Default)]
pub struct RequirementSettings {
    /// Whose tokens are taken. Never empty: a route that names no issuer takes the tokens of
    /// every configured one.
    pub issuers: Vec<IssuerId>,
    /// Scopes that must all be there.
    pub all_scopes: Vec<String>,
    /// Scopes of which one must be there; empty: no such demand.
    pub any_scopes: Vec<String>,
    /// Claims that must hold a value.
    pub claims: Vec<ClaimComparison>,
    /// How, and how lately, the token's subject must have authenticated.
    pub authentication: AuthenticationSettings,
    /// The resource that tokens must be for. `None`: what their issuer's `audiences` say.
    pub resource: Option<ResourceId>,
}

/// Keys that only protected routes may have.
const TOKEN_ONLY: &[&str] = &[
    key::ISSUERS,
    key::SCOPES,
    key::ANY_SCOPES,
    key::CLAIMS,
    key::ACR,
    key::MAX_AGE,
    key::RESOURCE,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    Protected,
}

/// The `access` of a route without a token.
pub(crate) const PUBLIC: &str = "public";
const ACCESS: &[(&str, Access)] = &[(PUBLIC, Access::Public), ("protected", Access::Protected)];

impl AccessSettings {
    pub(super) fn read(section: &mut Section<'_>, names: &KnownNames) -> Self {
        match section.or(key::ACCESS, Access::Protected, keyword(ACCESS)) {
            Access::Public => public(section),
            Access::Protected => Self::Token(RequirementSettings::read(section, names)),
        }
    }

    pub(super) fn write(&self, writer: Writer, names: &KnownNames) -> Writer {
        match self {
            Self::Public => writer.keyword(key::ACCESS, ACCESS, &Access::Public),
            Self::Token(requirement) => {
                requirement.write(writer.keyword(key::ACCESS, ACCESS, &Access::Protected), names)
            }
        }
    }
}

/// A public route requires nothing: a requirement beside `access = "public"` is a mistake.
fn public(section: &mut Section<'_>) -> AccessSettings {
    for name in TOKEN_ONLY {
        if section.node(name).is_some() {
            section.mistake(
                name,
                "has no effect with access = \"public\"; expected it to be absent".to_owned(),
            );
        }
    }
    AccessSettings::Public
}

impl RequirementSettings {
    fn read(section: &mut Section<'_>, names: &KnownNames) -> Self {
        let known = reference("an issuer", &names.issuers);
        let issuers = section.list(key::ISSUERS, "a list of issuers' names", known);
        if names.issuers.is_empty() {
            section.own_mistake(
                "the route asks for a token, but no issuer is configured; expected an \
                 [issuers.NAME] table (flag --issuer), or access = \"public\""
                    .to_owned(),
            );
        }
        let mut issuers =
            issuers.unwrap_or_else(|| names.issuers.iter().map(|(_, issuer)| *issuer).collect());
        issuers.sort_unstable();
        issuers.dedup();
        let scopes = "a list of scopes such as [\"loans:write\"]";
        Self {
            issuers,
            all_scopes: section.list(key::SCOPES, scopes, scope).unwrap_or_default(),
            any_scopes: section.list(key::ANY_SCOPES, scopes, scope).unwrap_or_default(),
            claims: comparison::settings::read(section, key::CLAIMS),
            authentication: AuthenticationSettings::read(section),
            resource: section.optional(key::RESOURCE, reference("a resource", &names.resources)),
        }
    }

    fn write(&self, writer: Writer, names: &KnownNames) -> Writer {
        let issuers = self.issuers.iter().filter_map(|issuer| name_of(&names.issuers, *issuer));
        let resource = self.resource.and_then(|it| name_of(&names.resources, it));
        let writer = writer
            .list(key::ISSUERS, issuers)
            .list(key::SCOPES, &self.all_scopes)
            .list(key::ANY_SCOPES, &self.any_scopes)
            .optional_members(key::CLAIMS, comparison::settings::write(&self.claims))
            .optional(key::RESOURCE, resource);
        self.authentication.write(writer)
    }
}

/// A scope-token of RFC 6749 §3.3.
pub(crate) fn scope(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    let allowed = |char: char| char.is_ascii_graphic() && char != '"' && char != '\\';
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(node.mismatch("one scope: printable ASCII without spaces, \" and \\"))
    }
}
