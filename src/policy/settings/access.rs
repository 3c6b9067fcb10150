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
    /// Whether a request without a token passes.
    pub guests: Guests,
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

/// Which requests pass in the name of no one, where a token is otherwise looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guests {
    /// None.
    #[default]
    Refused,
    /// Those without a credential.
    WithoutToken,
    /// And those with a token of which nothing is wrong but that it has expired.
    WithExpiredToken,
}

/// Whether a public route forwards the client's `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthorizationHeader {
    /// It is removed where it may carry a token.
    #[default]
    Remove,
    /// It goes on as it came, for a scheme of the service's own.
    Keep,
}

/// Keys that only routes that look at a token may have.
const TOKEN_ONLY: &[&str] = &[
    key::ISSUERS,
    key::SCOPES,
    key::ANY_SCOPES,
    key::CLAIMS,
    key::ACR,
    key::MAX_AGE,
    key::RESOURCE,
    key::CREDENTIAL,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    Protected,
    Optional,
}

/// The `access` of a route without a token.
pub(crate) const PUBLIC: &str = "public";
const ACCESS: &[(&str, Access)] =
    &[(PUBLIC, Access::Public), ("protected", Access::Protected), ("optional", Access::Optional)];
/// What an expired token is, where none is needed.
const EXPIRED: &[(&str, Guests)] =
    &[("refuse", Guests::WithoutToken), ("ignore", Guests::WithExpiredToken)];
const AUTHORIZATION: &[(&str, AuthorizationHeader)] =
    &[("remove", AuthorizationHeader::Remove), ("keep", AuthorizationHeader::Keep)];

impl AccessSettings {
    pub(super) fn read(section: &mut Section<'_>, names: &KnownNames) -> Self {
        match section.or(key::ACCESS, Access::Protected, keyword(ACCESS)) {
            Access::Public => public(section),
            Access::Protected => {
                no_effect(section, key::EXPIRED, "without access = \"optional\"");
                Self::Token(RequirementSettings::read(section, names))
            }
            Access::Optional => {
                let guests = section.or(key::EXPIRED, Guests::WithoutToken, keyword(EXPIRED));
                let requirement = RequirementSettings::read(section, names);
                Self::Token(RequirementSettings { guests, ..requirement })
            }
        }
    }

    pub(super) fn write(&self, writer: Writer, names: &KnownNames) -> Writer {
        match self {
            Self::Public => writer.keyword(key::ACCESS, ACCESS, &Access::Public),
            Self::Token(requirement) => {
                let access = match requirement.guests {
                    Guests::Refused => Access::Protected,
                    _ => Access::Optional,
                };
                let writer = writer.keyword(key::ACCESS, ACCESS, &access);
                requirement.write(writer.keyword(key::EXPIRED, EXPIRED, &requirement.guests), names)
            }
        }
    }
}

/// A public route requires nothing: a requirement beside `access = "public"` is a mistake.
fn public(section: &mut Section<'_>) -> AccessSettings {
    for name in TOKEN_ONLY.iter().chain(&[key::EXPIRED]) {
        no_effect(section, name, "with access = \"public\"");
    }
    AccessSettings::Public
}

fn no_effect(section: &mut Section<'_>, name: &'static str, condition: &str) {
    if section.node(name).is_some() {
        section.mistake(name, format!("has no effect {condition}; expected it to be absent"));
    }
}

/// Reads `authorization`. A route that looks at tokens can't leave them to the service as well.
pub(super) fn authorization(
    section: &mut Section<'_>,
    access: &AccessSettings,
) -> AuthorizationHeader {
    let header =
        section.or(key::AUTHORIZATION, AuthorizationHeader::Remove, keyword(AUTHORIZATION));
    let is_public = matches!(access, AccessSettings::Public);
    if header == AuthorizationHeader::Keep && !is_public {
        section.mistake(
            key::AUTHORIZATION,
            "\"keep\" is for public routes; expected \"remove\", or credential.forward = true for \
             the verified token"
                .to_owned(),
        );
    }
    header
}

/// Writes it back.
pub(super) fn write_authorization(
    writer: Writer,
    access: &AccessSettings,
    header: AuthorizationHeader,
) -> Writer {
    match access {
        AccessSettings::Public => writer.keyword(key::AUTHORIZATION, AUTHORIZATION, &header),
        AccessSettings::Token(_) => writer,
    }
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
            guests: Guests::Refused,
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
