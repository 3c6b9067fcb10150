//! `profile` and `token_types`: which kind of JWT an issuer's access tokens are.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{keyword, stands_for_all, switch, text},
        writer::Writer,
    },
    jose::short_media_type,
    token::issuer::settings::{ClaimForm, key},
};

/// A standard that access tokens follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProfile {
    /// RFC 9068: `typ` is `at+jwt`, and every claim of §2.2 that is required is there.
    Rfc9068,
    /// SPIFFE JWT-SVID: `sub` is a SPIFFE ID, `aud` is there, and `typ`, if there, is `JWT` or
    /// `JOSE`.
    JwtSvid,
}

const PROFILES: &[(&str, TokenProfile)] =
    &[("rfc9068", TokenProfile::Rfc9068), ("jwt-svid", TokenProfile::JwtSvid)];

/// By default: no `typ`, what most issuers write, and what RFC 9068 §2.1 requires (RFC 8725 §3.11:
/// an allowlist).
const DEFAULT_TYPES: [&str; 3] = ["", "jwt", "at+jwt"];

impl TokenProfile {
    /// The claims that a token must have besides `exp`.
    pub(super) fn required(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 => &["aud", "client_id", "iat", "iss", "jti", "sub"],
            Self::JwtSvid => &["aud", "sub"],
        }
    }

    /// The claims that it defines the form of.
    pub(super) fn formats(self) -> &'static [(&'static str, ClaimForm)] {
        match self {
            Self::Rfc9068 => &[],
            Self::JwtSvid => &[("sub", ClaimForm::SpiffeId)],
        }
    }

    /// Its name in the configuration.
    pub(super) fn name(self) -> &'static str {
        PROFILES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }

    fn token_types(self) -> &'static [&'static str] {
        match self {
            Self::Rfc9068 => &["at+jwt"],
            Self::JwtSvid => &["", "jwt", "jose"],
        }
    }
}

/// `profile`
pub(super) fn read(section: &mut Section<'_>) -> Option<TokenProfile> {
    let profile = section.optional(key::PROFILE, keyword(PROFILES))?;
    for waived in [key::ACCEPT_WITHOUT_EXPIRY, key::ACCEPT_ID_TOKENS] {
        let is_on = section.peek(waived).is_some_and(|node| switch(node) == Ok(true));
        if is_on {
            let name = profile.name();
            section.mistake(waived, format!("contradicts profile = {name:?}"));
        }
    }
    if profile == TokenProfile::JwtSvid && section.peek(key::AUDIENCES).is_some_and(is_any) {
        let text = "found \"any\"; a JWT-SVID is for the services that its aud names, and no other";
        section.mistake(key::AUDIENCES, text.to_owned());
    }
    Some(profile)
}

fn is_any(audiences: &Node) -> bool {
    audiences.as_text() == Some("any")
}

/// `token_types`
pub(super) fn token_types(section: &mut Section<'_>, profile: Option<TokenProfile>) -> Vec<String> {
    let expected = "a list such as [\"at+jwt\"]; \"\" is a token without typ";
    let listed = section.list(key::TOKEN_TYPES, expected, token_type);
    let by_default = profile.map_or(DEFAULT_TYPES.as_slice(), TokenProfile::token_types);
    match (listed, profile) {
        (Some(_), Some(profile)) => {
            let name = profile.name();
            section.mistake(key::TOKEN_TYPES, format!("is settled by profile = {name:?} already"));
            Vec::new()
        }
        (Some(listed), None) => listed,
        (None, _) => by_default.iter().copied().map(str::to_owned).collect(),
    }
}

/// A profile settles the types.
pub(super) fn write(writer: Writer, profile: Option<TokenProfile>, types: &[String]) -> Writer {
    match profile {
        Some(profile) => writer.text(key::PROFILE, profile.name()),
        None => writer.list(key::TOKEN_TYPES, types),
    }
}

/// `JWT`, `at+jwt`, `application/at+jwt` → as the `typ` header is compared (RFC 7515 §4.1.9).
fn token_type(node: &Node) -> Parsed<String> {
    const EXPECTED: &str = "a token type such as \"at+jwt\", or \"\" for none";
    // The empty text is one here, which `text` refuses.
    let written = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    if written.is_empty() {
        return Ok(String::new());
    }
    if stands_for_all(written) {
        return Err(node.mismatch("token types by their names: what may pass is listed"));
    }
    let lower = text(node)?.to_ascii_lowercase();
    let short = short_media_type(&lower);
    if short.is_empty() {
        return Err(node.mismatch(EXPECTED));
    }
    Ok(short.to_owned())
}
