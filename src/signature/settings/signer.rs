//! Who signs, and what the signer has to do with whom the token belongs to.

use crate::{
    config::{
        node::only_member,
        reader::Section,
        values::text,
        writer::{Writer, Written},
    },
    identity::{ClaimPath, headers::settings::claim_path},
    signature::settings::key,
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
    /// for the token's owner. A comparison alone is no proof; the field may be a role.
    Registry(ClaimPath),
    /// Nothing, by the operator's choice.
    Unrelated,
    /// Nothing is configured: only routes without a token may use it.
    NoToken,
}

const KID: &str = "kid";
const UNRELATED: &str = "unrelated";
const EXPECTED_SIGNER: &str = "{ claim = \"participantId\" }, \"kid\", { header = \"iss\" } or \
                               { fixed = \"NAME\" }";
const EXPECTED_CALLER: &str = "{ claim = \"azp\" }, { registry = \"kcClientId\" } or \"unrelated\"";

pub(super) fn source(section: &mut Section<'_>) -> Option<SignerSource> {
    section.optional(key::SIGNER, |node| {
        if node.as_text() == Some(KID) {
            return Ok(SignerSource::Kid);
        }
        match only_member(node, EXPECTED_SIGNER)? {
            (key::CLAIM, value) => Ok(SignerSource::Claim(claim_path(&text(value)?)?)),
            (key::HEADER, value) => Ok(SignerSource::Parameter(text(value)?)),
            (key::FIXED, value) => Ok(SignerSource::Fixed(text(value)?)),
            _ => Err(node.mismatch(EXPECTED_SIGNER)),
        }
    })
}

impl SignerSource {
    pub(super) fn write(&self) -> Written {
        let writer = Writer::default();
        match self {
            Self::Claim(claim) => writer.text(key::CLAIM, claim.as_str()),
            Self::Kid => return KID.into(),
            Self::Parameter(name) => writer.text(key::HEADER, name),
            Self::Fixed(name) => writer.text(key::FIXED, name),
        }
        .table()
    }
}

/// `None` after a mistake.
pub(super) fn caller(
    section: &mut Section<'_>,
    signer: Option<&SignerSource>,
) -> Option<CallerBinding> {
    let given = section.peek(key::CALLER).is_some();
    let caller = section.optional(key::CALLER, |node| {
        if node.as_text() == Some(UNRELATED) {
            return Ok(CallerBinding::Unrelated);
        }
        match only_member(node, EXPECTED_CALLER)? {
            (key::CLAIM, value) => Ok(CallerBinding::Claim(claim_path(&text(value)?)?)),
            (key::REGISTRY, value) => Ok(CallerBinding::Registry(claim_path(&text(value)?)?)),
            _ => Err(node.mismatch(EXPECTED_CALLER)),
        }
    });
    let is_claim = matches!(signer, Some(SignerSource::Claim(_)));
    match (given, caller) {
        (false, _) if is_claim => Some(CallerBinding::SignerIsClaim),
        (false, _) => Some(CallerBinding::NoToken),
        (true, Some(CallerBinding::Claim(_) | CallerBinding::Registry(_))) if is_claim => {
            let message = "has no effect where the signer is a claim of the token already";
            section.mistake(key::CALLER, message.to_owned());
            None
        }
        (true, caller) => caller,
    }
}

impl CallerBinding {
    /// `None` where the signer implies it, or nothing is configured.
    pub(super) fn write(&self) -> Option<Written> {
        let writer = Writer::default();
        let writer = match self {
            Self::Claim(claim) => writer.text(key::CLAIM, claim.as_str()),
            Self::Registry(field) => writer.text(key::REGISTRY, field.as_str()),
            Self::Unrelated => return Some(UNRELATED.into()),
            Self::SignerIsClaim | Self::NoToken => return None,
        };
        Some(writer.table())
    }
}
