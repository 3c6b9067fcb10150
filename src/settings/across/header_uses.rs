//! What a configuration uses a header for, so that no other setting uses it for something else
//! (threats H-1, H-2).

use http::HeaderName;

use super::of_one_signature;
use crate::{
    config::reader::Section,
    identity::{self, are_one_header, assertion, forwarded},
    policy::credential::{CredentialSource, key as of_credential},
    settings::whole::{Settings, key},
    signature::settings::key as of_signature,
};

/// What a header is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderPurpose {
    /// The upstream receives a claim in it.
    Claim,
    /// The upstream receives the assertion in it.
    Assertion,
    /// The upstream receives a fact of a signature in it.
    SignatureFact,
    /// Clients send a signature in it.
    Signature,
    /// Clients send a token in it.
    Token,
    /// Clients may set it.
    Kept,
}

/// A header that a setting names.
#[derive(Debug)]
pub(super) struct NamedHeader<'s> {
    pub(super) purpose: HeaderPurpose,
    header: &'s HeaderName,
    /// The whole key of the setting.
    pub(super) setting: String,
}

impl HeaderPurpose {
    /// What is wrong with another setting that names the header.
    pub(super) fn conflict(self) -> &'static str {
        match self {
            Self::Claim => "carries a claim as well",
            Self::Assertion => "carries the assertion as well",
            Self::SignatureFact => "says something of a signature as well",
            Self::Signature => "is where clients send a signature, which it would replace",
            Self::Token => "is where credential.sources reads the token from",
            Self::Kept => "is one that forwarding.keep lets clients send",
        }
    }
}

impl NamedHeader<'_> {
    /// Reports that the setting `key` names the same header.
    pub(super) fn contradict(&self, root: &Section<'_>, key: String, message: String) {
        root.contradiction(key, &self.setting, message);
    }

    fn is_of(&self, header: &HeaderName) -> bool {
        are_one_header(self.header, header)
    }
}

/// The first use of a header for one of these purposes.
pub(super) fn header_use<'s>(
    settings: &'s Settings,
    header: &HeaderName,
    purposes: &[HeaderPurpose],
) -> Option<NamedHeader<'s>> {
    all(settings).find(|used| purposes.contains(&used.purpose) && used.is_of(header))
}

fn all(settings: &Settings) -> impl Iterator<Item = NamedHeader<'_>> {
    let of = |purpose, header, setting| NamedHeader { purpose, header, setting };
    let claims = settings.claims.iter().map(move |claim| {
        let setting = [key::CLAIMS, claim.header.as_str()].join(".");
        of(HeaderPurpose::Claim, &claim.header, setting)
    });
    let assertion = settings.identity.assertion.iter().map(move |assertion| {
        let setting =
            [key::IDENTITY, identity::settings::key::ASSERTION, assertion::settings::key::HEADER];
        of(HeaderPurpose::Assertion, &assertion.header, setting.join("."))
    });
    let facts = settings.signatures.iter().flat_map(move |signature| {
        signature.forward.iter().map(move |fact| {
            let names = [of_signature::HEADERS, fact.header.as_str()];
            of(HeaderPurpose::SignatureFact, &fact.header, of_one_signature(signature, &names))
        })
    });
    let signed = settings.signatures.iter().flat_map(move |signature| {
        let setting = of_one_signature(signature, &[of_signature::HEADER]);
        signature
            .headers
            .iter()
            .map(move |header| of(HeaderPurpose::Signature, header, setting.clone()))
    });
    let tokens = settings.credential_sources().filter_map(CredentialSource::header);
    let tokens = tokens.map(move |header| {
        let setting = [key::CREDENTIAL, of_credential::SOURCES].join(".");
        of(HeaderPurpose::Token, header, setting)
    });
    let kept = settings.forwarding.keep.iter().map(move |header| {
        let setting = [key::FORWARDING, forwarded::settings::key::KEEP].join(".");
        of(HeaderPurpose::Kept, header, setting)
    });
    claims.chain(assertion).chain(facts).chain(signed).chain(tokens).chain(kept)
}
