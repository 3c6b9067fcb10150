//! `[signatures.NAME.headers]`: what the upstream receives about a verified signature.

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{header_named, word},
    },
    identity::{HeaderUse, check_header_name},
};

/// One header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaderSettings {
    /// The header that the upstream receives.
    pub header: HeaderName,
    /// What it says.
    pub fact: SignatureFact,
}

/// What is known of a verified signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFact {
    /// Who signed.
    Signer,
    /// The `kid`; the header is absent without one.
    Kid,
    /// The key's thumbprint (RFC 7638).
    Thumbprint,
    /// The algorithm.
    Algorithm,
    /// How it is written.
    Dialect,
    /// When it was verified: Unix time in seconds.
    VerifiedAt,
}

/// Their names.
pub(crate) const FACTS: &[(&str, SignatureFact)] = &[
    ("signer", SignatureFact::Signer),
    ("kid", SignatureFact::Kid),
    ("thumbprint", SignatureFact::Thumbprint),
    ("algorithm", SignatureFact::Algorithm),
    ("dialect", SignatureFact::Dialect),
    ("verified_at", SignatureFact::VerifiedAt),
];

const DEFAULT: &[(&str, SignatureFact)] = &[
    ("x-signature-kid", SignatureFact::Kid),
    ("x-signature-signer", SignatureFact::Signer),
    ("x-signature-verified-at", SignatureFact::VerifiedAt),
];

pub(super) fn build(section: &mut Section<'_>) -> Vec<SignatureHeaderSettings> {
    section.section("headers", |headers| {
        if !headers.is_present() {
            let named = |(name, fact): &(&'static str, _)| SignatureHeaderSettings {
                header: HeaderName::from_static(name),
                fact: *fact,
            };
            return DEFAULT.iter().map(named).collect();
        }
        headers.each_member(header)
    })
}

fn header(name: &str, node: &Node) -> Parsed<SignatureHeaderSettings> {
    let header = header_named(name)?;
    check_header_name(&header, HeaderUse::Request)
        .map_err(|reason| format!("can't say who signed: {reason}"))?;
    Ok(SignatureHeaderSettings { header, fact: word(FACTS)(node)? })
}
