//! Who signs, and what the signer has to do with whom the token belongs to.

use crate::{
    config::{node::only_member, reader::Section, values::text},
    identity::{ClaimPath, headers::settings::claim_path},
};

/// Where a signer's name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerSource {
    /// A claim of the verified token: the signer is the caller.
    Claim(ClaimPath),
    /// The signature's `kid`.
    Kid,
    /// A parameter of the signature's header.
    Parameter(String),
    /// There is one signer only, which is called so.
    Fixed(String),
}

/// What binds a signer to whom the token belongs to (threats S-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerBinding {
    /// The signer's name is a claim of the token.
    SignerIsClaim,
    /// A claim of the token must be the signer's name.
    Claim(ClaimPath),
    /// This field of the registry, which its `require` compares with a claim: the registry's name
    /// for the token's owner. That a field is compared says nothing alone; it may be a role.
    Registry(ClaimPath),
    /// Nothing, because the operator says so.
    Unrelated,
    /// Nothing, and nobody says so: only routes without a token may use it.
    NoToken,
}

const EXPECTED_SIGNER: &str = "{ claim = \"participantId\" }, \"kid\", { header = \"iss\" } or \
                               { fixed = \"NAME\" }";
const EXPECTED_CALLER: &str = "{ claim = \"azp\" }, { registry = \"kcClientId\" } or \"unrelated\"";

pub(super) fn source(section: &mut Section<'_>) -> Option<SignerSource> {
    section.optional("signer", |node| {
        if node.as_text() == Some("kid") {
            return Ok(SignerSource::Kid);
        }
        match only_member(node, EXPECTED_SIGNER)? {
            ("claim", value) => Ok(SignerSource::Claim(claim_path(&text(value)?)?)),
            ("header", value) => Ok(SignerSource::Parameter(text(value)?)),
            ("fixed", value) => Ok(SignerSource::Fixed(text(value)?)),
            _ => Err(node.mismatch(EXPECTED_SIGNER)),
        }
    })
}

/// `None` after a mistake.
pub(super) fn caller(
    section: &mut Section<'_>,
    signer: Option<&SignerSource>,
) -> Option<CallerBinding> {
    let given = section.peek("caller").is_some();
    let caller = section.optional("caller", |node| {
        if node.as_text() == Some("unrelated") {
            return Ok(CallerBinding::Unrelated);
        }
        match only_member(node, EXPECTED_CALLER)? {
            ("claim", value) => Ok(CallerBinding::Claim(claim_path(&text(value)?)?)),
            ("registry", value) => Ok(CallerBinding::Registry(claim_path(&text(value)?)?)),
            _ => Err(node.mismatch(EXPECTED_CALLER)),
        }
    });
    let is_claim = matches!(signer, Some(SignerSource::Claim(_)));
    match (given, caller) {
        (false, _) if is_claim => Some(CallerBinding::SignerIsClaim),
        (false, _) => Some(CallerBinding::NoToken),
        (true, Some(CallerBinding::Claim(_) | CallerBinding::Registry(_))) if is_claim => {
            let message = "has no effect where the signer is a claim of the token already";
            section.mistake("caller", message.to_owned());
            None
        }
        (true, caller) => caller,
    }
}
