//! `key_selectors`: by which header parameters the key of a token is found in its issuer's set.

use crate::{
    config::{reader::Section, values::keyword, writer::Writer},
    keys::settings::{KeySettings, KeySource},
    token::issuer::settings::key,
};

/// A header parameter that names the key of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySelector {
    /// `kid` (RFC 7515 §4.1.4).
    Kid,
    /// `x5t` (RFC 7515 §4.1.7).
    CertificateSha1,
    /// `x5t#S256` (RFC 7515 §4.1.8).
    CertificateSha256,
}

const SELECTORS: &[(&str, KeySelector)] = &[
    ("kid", KeySelector::Kid),
    ("x5t", KeySelector::CertificateSha1),
    ("x5t#S256", KeySelector::CertificateSha256),
];

/// What all providers but some older ones of Microsoft's write.
const DEFAULT: [KeySelector; 1] = [KeySelector::Kid];

pub(super) fn read(section: &mut Section<'_>, keys: Option<&KeySettings>) -> Vec<KeySelector> {
    let expected = "a list of \"kid\", \"x5t\" and \"x5t#S256\"";
    let listed = section.list(key::KEY_SELECTORS, expected, keyword(SELECTORS));
    let selectors = listed.unwrap_or_else(|| DEFAULT.to_vec());
    let by_certificate = selectors.iter().any(|selector| *selector != KeySelector::Kid);
    let has_certificates = keys.is_none_or(|keys| {
        keys.source.is_remote() || matches!(keys.source, KeySource::JwksFile(_))
    });
    if by_certificate && !has_certificates {
        let text = "found the hash of a certificate, which only the keys of a JWKS have";
        section.mistake(key::KEY_SELECTORS, text.to_owned());
    }
    selectors
}

pub(super) fn write(writer: Writer, selectors: &[KeySelector]) -> Writer {
    let names = selectors.iter().filter_map(|selector| {
        SELECTORS.iter().find(|(_, known)| known == selector).map(|(name, _)| *name)
    });
    writer.list(key::KEY_SELECTORS, names)
}
