//! The one place that an issuer's keys come from.

use std::path::{Path, PathBuf};

use http::Uri;

use crate::{
    config::{
        files::readable_file,
        node::{Node, Value},
        reader::{Parsed, Section},
        urls::{UrlMistake, check_fetchable, fetchable, metadata_urls},
        values::{parsed, switch},
        writer::Writer,
    },
    fetch::settings::key as of_proxy,
    jose::{HexKey, HexKeyError},
    json::JsonPointer,
    keys::settings::key,
};

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A JWKS by URL (https, or http where allowed).
    JwksUrl(Uri),
    /// A JWK, or a JWKS, by URL; with a pointer, inside of a document that wraps it.
    JwkUrl {
        /// The document.
        url: Uri,
        /// Where in it; `None`: the document itself.
        pointer: Option<JsonPointer>,
    },
    /// The metadata document that names the JWKS: OpenID Connect Discovery and RFC 8414, in that
    /// order.
    Discovery {
        /// Metadata URLs, in the order to try.
        urls: Vec<Uri>,
        /// `true`: the `jwks_uri` found may be plain http on a host that is not loopback.
        allow_http: bool,
    },
    /// A JWKS (or a single JWK) in a file, read again every `refresh`.
    JwksFile(PathBuf),
    /// PEM: public keys (SPKI) and certificates, read again every `refresh`.
    PemFile(PathBuf),
    /// One public key in hex, written in the configuration.
    Hex(HexKey),
    /// A shared secret for HMAC: the file's bytes, one trailing line break removed.
    SecretFile(PathBuf),
}

const SOURCES: &[&str] = &[
    key::JWKS_URL,
    key::JWK_URL,
    key::DISCOVERY,
    key::JWKS_FILE,
    key::PEM_FILE,
    key::HEX,
    key::SECRET_FILE,
];
/// What is read on this machine: a file, or the configuration itself.
const LOCAL_SOURCES: &[&str] = &[key::JWKS_FILE, key::PEM_FILE, key::HEX, key::SECRET_FILE];
/// What only makes sense for a source that is fetched.
const REMOTE_ONLY: &[&str] = &[
    key::CA_FILE,
    key::ALLOW_HTTP,
    key::SNAPSHOT,
    key::TIMEOUT,
    of_proxy::PROXY,
    of_proxy::PROXY_CREDENTIALS_FILE,
];
/// What a source is read by: how often, and how much of it.
const READING: &[&str] = &[
    key::REFRESH,
    key::COOLDOWN,
    key::MAX_STALE,
    key::MAX_BYTES,
    key::MAX_KEYS,
    key::MAX_RSA_BITS,
];

const EXPECTED_HEX: &str = "a public key in hex: 64 bytes (P-256, X then Y), 65 bytes (the same \
                            after 04) or 32 bytes (Ed25519)";

impl KeySource {
    /// The one source that is named, or discovery from the issuer.
    pub(super) fn read(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Self> {
        refuse_keys_without_effect(section);
        let named: Vec<&str> =
            SOURCES.iter().copied().filter(|name| section.peek(name).is_some()).collect();
        if named.len() > 1 {
            let origins: Vec<String> =
                named.iter().map(|name| describe_origin(name, section.peek(name))).collect();
            section.own_mistake(format!(
                "found {}, expected exactly one key source",
                origins.join(" and ")
            ));
        }
        let allow_http = section.or(key::ALLOW_HTTP, false, switch);
        let jwks_url = section.optional(key::JWKS_URL, fetchable(allow_http));
        let jwk_url = section.optional(key::JWK_URL, fetchable(allow_http));
        let expected = "a JSON pointer to the key, such as \"/data\"";
        let pointer = section.optional(key::POINTER, parsed(expected, JsonPointer::parse));
        let jwks_file = section.optional(key::JWKS_FILE, readable_file);
        let pem_file = section.optional(key::PEM_FILE, readable_file);
        let hex = section.optional(key::HEX, hex_key);
        let secret_file = section.optional(key::SECRET_FILE, readable_file);
        let discovery_mode = section.optional(key::DISCOVERY, |node| discovery(node, allow_http));
        let discovered = match discovery_mode {
            Some(Discovery::At(urls)) => Some(urls),
            Some(Discovery::FromIssuer) => discover(section, issuer, allow_http),
            None if named.is_empty() => discover(section, issuer, allow_http),
            None => None,
        };
        jwks_url
            .map(Self::JwksUrl)
            .or_else(|| jwk_url.map(|url| Self::JwkUrl { url, pointer }))
            .or_else(|| jwks_file.map(Self::JwksFile))
            .or_else(|| pem_file.map(Self::PemFile))
            .or_else(|| hex.map(Self::Hex))
            .or_else(|| secret_file.map(Self::SecretFile))
            .or_else(|| discovered.map(|urls| Self::Discovery { urls, allow_http }))
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        match self {
            Self::JwksUrl(url) => writer.text(key::JWKS_URL, url),
            Self::JwkUrl { url, pointer } => {
                writer.text(key::JWK_URL, url).optional(key::POINTER, pointer.as_ref())
            }
            Self::Discovery { urls, .. } => match urls.as_slice() {
                [url] => writer.text(key::DISCOVERY, url),
                _ => writer.switch(key::DISCOVERY, true),
            },
            Self::JwksFile(path) => writer.path(key::JWKS_FILE, path),
            Self::PemFile(path) => writer.path(key::PEM_FILE, path),
            Self::Hex(hex) => writer.text(key::HEX, hex),
            Self::SecretFile(path) => writer.path(key::SECRET_FILE, path),
        }
    }

    /// The file with a shared secret, with the name of its setting.
    pub(crate) fn secret_file(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::SecretFile(file) => Some((key::SECRET_FILE, file)),
            _ => None,
        }
    }

    /// Whether it could not be loaded again without `allow_http = true`.
    pub(super) fn allows_http(&self) -> bool {
        match self {
            Self::JwksUrl(url) | Self::JwkUrl { url, .. } => url.scheme_str() == Some("http"),
            Self::Discovery { allow_http, .. } => *allow_http,
            Self::JwksFile(_) | Self::PemFile(_) | Self::Hex(_) | Self::SecretFile(_) => false,
        }
    }

    /// Whether it is fetched, from another machine or at least another process.
    pub fn is_remote(&self) -> bool {
        match self {
            Self::JwksUrl(_) | Self::JwkUrl { .. } | Self::Discovery { .. } => true,
            Self::JwksFile(_) | Self::PemFile(_) | Self::Hex(_) | Self::SecretFile(_) => false,
        }
    }

    /// Whether it is a file on this machine.
    pub fn is_file(&self) -> bool {
        !self.is_remote() && !matches!(self, Self::Hex(_))
    }
}

/// Never quotes the text: it may be a private key, given by mistake.
fn hex_key(node: &Node) -> Parsed<HexKey> {
    let Some(text) = node.as_text() else {
        return Err(node.mismatch(EXPECTED_HEX));
    };
    HexKey::parse(text)
        .map_err(|error: HexKeyError| format!("found {error}; expected {EXPECTED_HEX}"))
}

enum Discovery {
    FromIssuer,
    At(Vec<Uri>),
}

fn discovery(node: &Node, allow_http: bool) -> Parsed<Discovery> {
    match node.value {
        Value::Bool(true) => Ok(Discovery::FromIssuer),
        Value::Text(_) => fetchable(allow_http)(node).map(|url| Discovery::At(vec![url])),
        _ => Err(node.mismatch("true, or the URL of the issuer's metadata document")),
    }
}

/// Discovery from the issuer itself. A missing issuer has been reported already.
fn discover(section: &Section<'_>, issuer: Option<&str>, allow_http: bool) -> Option<Vec<Uri>> {
    let issuer = issuer?;
    if issuer.contains('{') {
        section.own_mistake(format!(
            "no key source is given, and the issuer has a placeholder, so that it leads to no metadata; \
             expected {} = URL of the metadata of all tenants, or another of {}",
            key::DISCOVERY,
            SOURCES.join(", ")
        ));
        return None;
    }
    let urls: Result<Vec<Uri>, UrlMistake> = metadata_urls(issuer)
        .ok_or(UrlMistake::Syntax)
        .and_then(|urls| urls.iter().map(|url| check_fetchable(url, allow_http)).collect());
    let problem = match urls {
        Ok(urls) => return Some(urls),
        Err(UrlMistake::PlainHttp) => {
            "is not https, so that its keys could be forged on the way (allow_http = true permits \
             it all the same)"
        }
        Err(UrlMistake::Syntax | UrlMistake::UserInformation) => {
            "is no URL that keys could be discovered from"
        }
    };
    section.own_mistake(format!(
        "no key source is given, and the issuer {problem}; expected one of {}",
        SOURCES.join(", ")
    ));
    None
}

fn refuse_keys_without_effect(section: &Section<'_>) {
    let local = LOCAL_SOURCES.iter().find(|name| section.peek(name).is_some());
    match local {
        Some(&key::HEX) => {
            refuse(section, REMOTE_ONLY, "a key that is written here (hex)");
            refuse(section, READING, "a key that is written here (hex)");
        }
        Some(file) => refuse(section, REMOTE_ONLY, &format!("keys from a file ({file})")),
        None => {}
    }
    if section.peek(key::JWK_URL).is_none() {
        refuse(section, &[key::POINTER], "any source but jwk_url");
    }
}

fn refuse(section: &Section<'_>, names: &[&str], on: &str) {
    for name in names.iter().filter(|name| section.peek(name).is_some()) {
        section.mistake(name, format!("has no effect on {on}; expected it to be absent"));
    }
}

fn describe_origin(name: &str, node: Option<&Node>) -> String {
    match node.and_then(Node::origin) {
        Some(origin) => format!("{name} ({origin})"),
        None => name.to_owned(),
    }
}
