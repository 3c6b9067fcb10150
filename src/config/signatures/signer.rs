//! Who signs, and what the signer has to do with whom the token belongs to.

use crate::{
    config::{
        claims::claim_path,
        node::{Node, Value},
        reader::{Parsed, Section},
        values::text,
    },
    identity::ClaimPath,
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
    /// What the registry says of the signer is compared with a claim.
    Registry,
    /// Nothing, because the operator says so.
    Unrelated,
    /// Nothing, and nobody says so: only routes without a token may use it.
    NoToken,
}

const EXPECTED_SIGNER: &str = "{ claim = \"participantId\" }, \"kid\", { header = \"iss\" } or \
                               { fixed = \"NAME\" }";
const EXPECTED_CALLER: &str = "{ claim = \"azp\" }, or \"unrelated\"";

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
            _ => Err(node.mismatch(EXPECTED_CALLER)),
        }
    });
    let is_claim = matches!(signer, Some(SignerSource::Claim(_)));
    match (given, caller) {
        (false, _) if is_claim => Some(CallerBinding::SignerIsClaim),
        (false, _) if names_claims(section) => Some(CallerBinding::Registry),
        (false, _) => Some(CallerBinding::NoToken),
        (true, Some(CallerBinding::Claim(_))) if is_claim => {
            let message = "has no effect where the signer is a claim of the token already";
            section.mistake("caller", message.to_owned());
            None
        }
        (true, caller) => caller,
    }
}

/// Whether the registry's `require` compares something with a claim.
fn names_claims(section: &Section<'_>) -> bool {
    let keys = section.peek("keys");
    let registry = keys.and_then(|keys| keys.member("registry"));
    let require = registry.and_then(|registry| registry.member("require"));
    let fields = require.and_then(Node::as_table);
    fields.is_some_and(|fields| fields.values().any(|field| field.member("claim").is_some()))
}

/// The one member of a table such as `{ claim = "azp" }`.
pub(super) fn only_member<'n>(node: &'n Node, expected: &str) -> Parsed<(&'n str, &'n Node)> {
    let Value::Table(table) = &node.value else {
        return Err(node.mismatch(expected));
    };
    let mut members = table.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(format!("expected {expected}")),
    }
}
