//! Which claims go into an assertion.

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{first_duplicate, keyword, text},
        writer::Writer,
    },
    identity::{AssertedClaims, ClaimPath, assertion::NOT_COPIED, headers::settings::claim_path},
};

pub(crate) mod key {
    pub(crate) const CLAIMS: &str = "claims";
}

const EXPECTED: &str = "\"all\", \"none\" or a list of claim names such as [\"sub\", \"scope\"]";

/// Whether all claims are meant.
const WORDS: &[(&str, bool)] = &[("all", true), ("none", false)];

/// Reads `claims`.
pub(super) fn asserted(section: &mut Section<'_>) -> AssertedClaims {
    if section.peek(key::CLAIMS).is_some_and(|claims| claims.as_text().is_some()) {
        let all = section.or(key::CLAIMS, true, keyword(WORDS));
        return if all { AssertedClaims::All } else { AssertedClaims::Listed(Vec::new()) };
    }
    let Some(names) = section.list(key::CLAIMS, EXPECTED, own_name) else {
        return AssertedClaims::default();
    };
    if let Some(twice) = first_duplicate(&names) {
        section.mistake(key::CLAIMS, format!("names {twice:?} twice"));
    }
    AssertedClaims::Listed(names)
}

/// Writes `claims`.
pub(super) fn write(writer: Writer, claims: &AssertedClaims) -> Writer {
    match claims {
        AssertedClaims::All => writer.keyword(key::CLAIMS, WORDS, &true),
        AssertedClaims::Listed(names) if names.is_empty() => {
            writer.keyword(key::CLAIMS, WORDS, &false)
        }
        AssertedClaims::Listed(names) => writer.list(key::CLAIMS, names),
    }
}

/// Reads `[identity.assertion.mapping]`: name in the assertion → claim.
pub(super) fn mapping(section: &mut Section<'_>) -> Vec<(String, ClaimPath)> {
    section.each_member(|name, node| {
        check_name(name)?;
        Ok((name.to_owned(), claim_path(&text(node)?)?))
    })
}

fn own_name(node: &Node) -> Parsed<String> {
    let name = text(node)?;
    check_name(&name)?;
    Ok(name)
}

fn check_name(name: &str) -> Parsed<()> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err("the name of a claim is not empty and holds no control characters".to_owned());
    }
    if NOT_COPIED.contains(&name) {
        return Err(format!(
            "{name:?} would be about the assertion, not about the token; expected another name \
             for it in identity.assertion.mapping"
        ));
    }
    Ok(())
}
