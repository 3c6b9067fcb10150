//! What the claims of an issuer's tokens must be like, where it has ways of its own.

use std::sync::Arc;

use crate::{
    config::{
        node::{Node, Value},
        reader::Section,
        values::{keyword, switch, text},
        writer::{Writer, list_of},
    },
    identity::{
        ClaimPath,
        headers::settings::{claim_names, claim_path, claim_paths},
    },
    policy::ScopeClaims,
    token::issuer::settings::{IssuerSettings, TokenProfile, key},
};

/// A claim that must be there, and be written in a certain form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimFormat {
    /// The claim.
    pub claim: ClaimPath,
    /// Its form.
    pub form: ClaimForm,
}

/// How a claim is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimForm {
    /// `963995ed-ce12-4ea5-89dc-b181701d1d7b`
    Uuid,
    /// `spiffe://example.org/ns/prod/sa/api`
    SpiffeId,
}

/// The names of [`ClaimForm`].
const FORMS: &[(&str, ClaimForm)] =
    &[("uuid", ClaimForm::Uuid), ("spiffe-id", ClaimForm::SpiffeId)];

const EXPECTED_CLAIMS: &str = "a list of claim names such as [\"sub\"]";
const EXPIRY: &str = "exp";

/// The separators that are in use: RFC 6749 has the space only, some providers write commas.
const SEPARATORS: &[(&str, char)] = &[(" ", ' '), (",", ',')];

/// `scope_claims` and `scope_separators`.
pub(super) fn scopes(section: &mut Section<'_>) -> Arc<ScopeClaims> {
    let default = ScopeClaims::default();
    let expected = "a list of claims such as [\"scp\", \"scope\"]";
    let claims = section.list(key::SCOPE_CLAIMS, expected, |node| claim_path(&text(node)?));
    let expected = "a list of \" \" and \",\"";
    let separators = section.list(key::SCOPE_SEPARATORS, expected, keyword(SEPARATORS));
    Arc::new(ScopeClaims::new(
        claims.unwrap_or_else(|| default.claims().to_vec()),
        separators.unwrap_or_else(|| default.separators().to_vec()),
    ))
}

/// `require`. `exp` is always required: a list of other claims must not waive it by accident.
pub(super) fn required(section: &mut Section<'_>, profile: Option<TokenProfile>) -> Vec<ClaimPath> {
    let listed = section.list(key::REQUIRE, EXPECTED_CLAIMS, |node| claim_path(&text(node)?));
    let mut require = listed.unwrap_or_default();
    let without_expiry = section.or(key::ACCEPT_WITHOUT_EXPIRY, false, switch);
    if without_expiry && require.iter().any(|claim| claim.as_str() == EXPIRY) {
        section.mistake(
            key::ACCEPT_WITHOUT_EXPIRY,
            "contradicts require, which lists \"exp\"".to_owned(),
        );
    }
    let of_profile = profile.map_or(&[][..], TokenProfile::required);
    let implied = of_profile.iter().copied().chain((!without_expiry).then_some(EXPIRY));
    require.extend(implied.filter_map(|name| ClaimPath::parse(name).ok()));
    require.sort();
    require.dedup();
    require
}

/// `require_any`. A flat list is refused: it could mean that one of them is enough, or all.
pub(super) fn required_any(section: &mut Section<'_>) -> Vec<Vec<ClaimPath>> {
    const EXPECTED: &str = "a list of lists such as [[\"pur\", \"purpose\"]]";
    let alternatives = |node: &Node| match node.value {
        Value::List(_) => claim_paths(node),
        _ => Err(node.mismatch("a list of claims of which one must be there")),
    };
    section.list(key::REQUIRE_ANY, EXPECTED, alternatives).unwrap_or_default()
}

/// `formats`, and those of the profile.
pub(super) fn formats(
    section: &mut Section<'_>,
    profile: Option<TokenProfile>,
) -> Vec<ClaimFormat> {
    let mut formats: Vec<ClaimFormat> = section.section(key::FORMATS, |formats| {
        formats.each_member(|name, node| {
            Ok(ClaimFormat { claim: claim_path(name)?, form: keyword(FORMS)(node)? })
        })
    });
    let of_profile = profile.map_or(&[][..], TokenProfile::formats).iter();
    formats.extend(of_profile.filter_map(|(name, form)| {
        Some(ClaimFormat { claim: ClaimPath::parse(name).ok()?, form: *form })
    }));
    formats
}

/// Writes the requirements on claims; none, where there are none.
pub(super) fn write(writer: Writer, issuer: &IssuerSettings) -> Writer {
    let any = issuer.require_any.iter().map(|claims| claim_names(claims));
    let any = (!issuer.require_any.is_empty()).then(|| list_of(any));
    let keyword =
        |form| FORMS.iter().find(|(_, known)| *known == form).map(|(keyword, _)| *keyword);
    let of_profile = issuer.profile.map_or(&[][..], TokenProfile::formats);
    let is_own =
        |format: &&ClaimFormat| !of_profile.contains(&(format.claim.as_str(), format.form));
    let formats = issuer.formats.iter().filter(is_own);
    let formats = formats.filter_map(|format| {
        Some((format.claim.as_str().to_owned(), keyword(format.form)?.into()))
    });
    writer
        .value(key::SCOPE_CLAIMS, claim_names(issuer.scopes.claims()))
        .list(key::SCOPE_SEPARATORS, issuer.scopes.separators())
        .optional_value(key::REQUIRE_ANY, any)
        .optional_members(key::FORMATS, formats)
}
