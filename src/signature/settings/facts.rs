//! `[signatures.NAME.headers]`: what the upstream receives about a verified signature.

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{header_named, keyword},
        writer::{Writer, table_of},
    },
    identity::{HeaderUse, check_header_name},
    signature::settings::key,
};

/// One header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaderSettings {
    /// The header that the upstream receives.
    pub header: HeaderName,
    /// The fact it carries.
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
const FACTS: &[(&str, SignatureFact)] = &[
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

pub(super) fn read(section: &mut Section<'_>) -> Vec<SignatureHeaderSettings> {
    section.section(key::HEADERS, |headers| {
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

pub(super) fn write(writer: Writer, headers: &[SignatureHeaderSettings]) -> Writer {
    let keyword =
        |fact| FACTS.iter().find(|(_, known)| *known == fact).map_or("", |(keyword, _)| keyword);
    let headers = headers.iter();
    let headers = headers.map(|setting| (setting.header.to_string(), keyword(setting.fact).into()));
    writer.value(key::HEADERS, table_of(headers))
}

fn header(name: &str, node: &Node) -> Parsed<SignatureHeaderSettings> {
    let header = header_named(name)?;
    check_header_name(&header, HeaderUse::Request)
        .map_err(|reason| format!("can't carry a fact about the signature: {reason}"))?;
    Ok(SignatureHeaderSettings { header, fact: keyword(FACTS)(node)? })
}
