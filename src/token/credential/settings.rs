//! `[credential]`: where in a request the token travels.

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::{header_name, size, switch, text},
    writer::{Writer, Written, list_of},
};
use http::HeaderName;

pub(crate) mod key {
    pub(crate) const SOURCES: &str = "sources";
    pub(crate) const MAX_BYTES: &str = "max_bytes";
    pub(crate) const FORWARD: &str = "forward";
    pub(crate) const HEADER: &str = "header";
    pub(crate) const SCHEME: &str = "scheme";
    pub(crate) const COOKIE: &str = "cookie";
}

/// `[credential]`
#[derive(Debug, Clone)]
pub struct CredentialSettings {
    /// Every place that may carry the credential. Never empty.
    pub sources: Vec<CredentialSource>,
    /// The longest accepted token, in bytes.
    pub max_bytes: usize,
    /// `true`: the upstream receives the verified credential as it came.
    pub forward: bool,
}

/// One place where a credential may travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// A header; with a scheme (`Bearer`, compared without case) or raw.
    Header {
        /// The header's name.
        name: HeaderName,
        /// The authentication scheme before the token.
        scheme: Option<String>,
    },
    /// A cookie by name.
    Cookie(String),
}

/// The scheme of RFC 6750.
const BEARER: &str = "Bearer";
/// Larger tokens are rare, and most servers refuse a header line beyond it.
const DEFAULT_MAX_BYTES: usize = 8 * 1024;
/// No signed token is shorter.
const MIN_MAX_BYTES: usize = 128;
/// A token is held in memory several times while it is verified.
const MAX_MAX_BYTES: usize = 64 * 1024;
/// Every source is searched on every request.
const MAX_SOURCES: usize = 16;

const EXPECTED_SOURCE: &str = "{ header = \"authorization\", scheme = \"Bearer\" }, \
                               { header = \"x-api-token\" } or { cookie = \"session\" }";

impl CredentialSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let expected = format!("a list of {EXPECTED_SOURCE}");
        let sources = section.list(key::SOURCES, &expected, CredentialSource::read);
        let sources = sources.unwrap_or_else(default_sources);
        check_sources(section, &sources);
        Self {
            sources,
            max_bytes: section.or(
                key::MAX_BYTES,
                DEFAULT_MAX_BYTES,
                size(MIN_MAX_BYTES..=MAX_MAX_BYTES),
            ),
            forward: section.or(key::FORWARD, false, switch),
        }
    }

    pub(crate) fn write(&self) -> Written {
        let sources = self.sources.iter().map(CredentialSource::write);
        Writer::default()
            .value(key::SOURCES, list_of(sources))
            .size(key::MAX_BYTES, self.max_bytes)
            .switch(key::FORWARD, self.forward)
            .table()
    }

    /// The headers that may carry the credential.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.sources.iter().filter_map(|source| match source {
            CredentialSource::Header { name, .. } => Some(name),
            CredentialSource::Cookie(_) => None,
        })
    }
}

fn default_sources() -> Vec<CredentialSource> {
    vec![CredentialSource::Header {
        name: http::header::AUTHORIZATION,
        scheme: Some(BEARER.to_owned()),
    }]
}

impl CredentialSource {
    fn read(node: &Node) -> Parsed<Self> {
        let Value::Table(table) = &node.value else {
            return Err(node.mismatch(EXPECTED_SOURCE));
        };
        let known = [key::HEADER, key::SCHEME, key::COOKIE];
        if let Some(unknown) = table.keys().find(|name| !known.contains(&name.as_str())) {
            let hint = crate::config::nearest::suggestion(unknown, &known);
            return Err(format!("unknown key {unknown:?}; {hint}"));
        }
        match known.map(|name| node.member(name)) {
            [Some(name), scheme, None] => Ok(Self::Header {
                name: header_name(name)?,
                scheme: scheme.map(token).transpose()?,
            }),
            [None, None, Some(name)] => Ok(Self::Cookie(token(name)?)),
            _ => Err(format!(
                "expected exactly one of header and cookie, and scheme only with header: \
                 {EXPECTED_SOURCE}"
            )),
        }
    }

    fn write(&self) -> Written {
        let writer = Writer::default();
        match self {
            Self::Header { name, scheme } => {
                writer.text(key::HEADER, name).optional(key::SCHEME, scheme.as_ref())
            }
            Self::Cookie(name) => writer.text(key::COOKIE, name),
        }
        .table()
    }
}

/// The `token` of RFC 9110 §5.6.2: what schemes and cookies are called.
pub(crate) fn token(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(node.mismatch("letters, digits and !#$%&'*+-.^_`|~ only"))
    }
}

fn check_sources(section: &Section<'_>, sources: &[CredentialSource]) {
    if sources.len() > MAX_SOURCES {
        section.mistake(key::SOURCES, format!("expected at most {MAX_SOURCES} places"));
    }
    let repeated = sources
        .iter()
        .enumerate()
        .any(|(position, source)| sources.iter().take(position).any(|earlier| earlier == source));
    if repeated {
        section.mistake(key::SOURCES, "names the same place twice".to_owned());
    }
}
