//! `[upstreams.NAME.tls]`: TLS to an upstream whose URL begins with `https://`.

use std::{fmt, path::PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::pki_types::ServerName;

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::keyword,
    writer::{Writer, Written},
};

use super::{ClientIdentity, authorities_file};

pub(crate) mod key {
    pub(crate) const CA_FILE: &str = "ca_file";
    pub(crate) const SERVER_NAME: &str = "server_name";
    pub(crate) const MIN_VERSION: &str = "min_version";
    pub(crate) const VERIFY: &str = "verify";
    pub(crate) const SPKI: &str = "spki";
    pub(crate) const HTTP2: &str = "http2";
}

/// `[upstreams.NAME.tls]`: paths only, since the files may be renewed while they are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTlsSettings {
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, for an upstream that requests one.
    pub identity: Option<ClientIdentity>,
    /// The name in the handshake (SNI) and in the upstream's certificate. `None`: the URL's host.
    pub server_name: Option<ServerName<'static>>,
    /// Older versions are refused.
    pub min_version: TlsVersion,
    /// What proves that the upstream is the one that is meant.
    pub verification: UpstreamVerification,
    /// Whether HTTP/2 is offered.
    pub http2: Http2Offer,
}

/// The versions of TLS that are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246
    Tls12,
    /// RFC 8446
    Tls13,
}

/// What is verified of an upstream's certificate. The handshake's signature is in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamVerification {
    /// Its chain, its validity and its name.
    Full,
    /// That its public key is one of these, and nothing else.
    Pinned(Vec<SpkiHash>),
}

/// The SHA-256 hash of a certificate's public key, a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpkiHash([u8; 32]);

/// Which protocols are offered in the handshake (RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2Offer {
    /// Both; the upstream chooses.
    Auto,
    /// HTTP/1.1 alone.
    Never,
    /// HTTP/2 alone.
    Only,
}

const VERSIONS: &[(&str, TlsVersion)] = &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];
const HTTP2: &[(&str, Http2Offer)] =
    &[("auto", Http2Offer::Auto), ("never", Http2Offer::Never), ("only", Http2Offer::Only)];

const FULL: &str = "full";
const EXPECTED_VERIFY: &str = "\"full\" or { spki = [\"sha256/…\"] }";
const EXPECTED_PINS: &str = "a list of 1 to 16 hashes such as \"sha256/…\"";
const EXPECTED_PIN: &str = "\"sha256/\" and the base64 of a hash of 32 bytes";
/// Enough for the keys of several replicas, each with the key that comes next.
const MAX_PINS: usize = 16;
const PIN_PREFIX: &str = "sha256/";

impl Default for UpstreamTlsSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            identity: None,
            server_name: None,
            min_version: TlsVersion::Tls12,
            verification: UpstreamVerification::Full,
            http2: Http2Offer::Auto,
        }
    }
}

impl UpstreamTlsSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let defaults = Self::default();
        let verification = UpstreamVerification::read(section);
        if matches!(verification, UpstreamVerification::Pinned(_))
            && section.peek(key::CA_FILE).is_some()
        {
            let message = "has no effect beside pinned keys; expected it to be absent";
            section.mistake(key::CA_FILE, message.to_owned());
        }
        Self {
            ca_file: section.optional(key::CA_FILE, authorities_file),
            identity: ClientIdentity::read(section),
            server_name: section.optional(key::SERVER_NAME, server_name),
            min_version: section.or(key::MIN_VERSION, defaults.min_version, keyword(VERSIONS)),
            verification,
            http2: section.or(key::HTTP2, defaults.http2, keyword(HTTP2)),
        }
    }

    pub(crate) fn write(&self) -> Written {
        let writer = Writer::default()
            .optional_path(key::CA_FILE, self.ca_file.as_deref())
            .optional(key::SERVER_NAME, self.server_name.as_ref().map(ServerName::to_str))
            .keyword(key::MIN_VERSION, VERSIONS, &self.min_version)
            .keyword(key::HTTP2, HTTP2, &self.http2);
        let writer = match &self.verification {
            UpstreamVerification::Full => writer.text(key::VERIFY, FULL),
            UpstreamVerification::Pinned(pins) => {
                writer.value(key::VERIFY, Writer::default().list(key::SPKI, pins).table())
            }
        };
        match &self.identity {
            Some(identity) => identity.write(writer).table(),
            None => writer.table(),
        }
    }
}

impl UpstreamVerification {
    fn read(section: &mut Section<'_>) -> Self {
        if section.peek(key::VERIFY).is_none_or(|node| node.as_table().is_none()) {
            return section.or(key::VERIFY, Self::Full, full);
        }
        let pins = section.section(key::VERIFY, |section| {
            let pins = section.list(key::SPKI, EXPECTED_PINS, SpkiHash::read);
            match &pins {
                None if section.peek(key::SPKI).is_none() => {
                    section.mistake(key::SPKI, format!("missing; expected {EXPECTED_PINS}"));
                }
                Some(pins) if pins.len() > MAX_PINS => {
                    let found = format!("found {}, expected {EXPECTED_PINS}", pins.len());
                    section.mistake(key::SPKI, found);
                }
                _ => {}
            }
            pins
        });
        Self::Pinned(pins.unwrap_or_default())
    }
}

impl SpkiHash {
    /// That of a `SubjectPublicKeyInfo` in DER.
    pub fn of(spki: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, spki).as_ref());
        Self(hash)
    }

    fn read(node: &Node) -> Parsed<Self> {
        let hash = node.as_text().and_then(|text| text.strip_prefix(PIN_PREFIX));
        let bytes = hash.and_then(|hash| BASE64_STANDARD.decode(hash).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| node.mismatch(EXPECTED_PIN))
    }
}

/// As it is configured.
impl fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PIN_PREFIX}{}", BASE64_STANDARD.encode(self.0))
    }
}

fn full(node: &Node) -> Parsed<UpstreamVerification> {
    match &node.value {
        Value::Text(text) if text == FULL => Ok(UpstreamVerification::Full),
        _ => Err(node.mismatch(EXPECTED_VERIFY)),
    }
}

/// The name that a certificate has for the host of a URL.
pub(crate) fn server_name_of(host: &str) -> Option<ServerName<'static>> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(name.to_owned()).ok()
}

fn server_name(node: &Node) -> Parsed<ServerName<'static>> {
    let name = node.as_text().and_then(|text| ServerName::try_from(text.to_owned()).ok());
    name.ok_or_else(|| node.mismatch("a DNS name or an IP address"))
}
