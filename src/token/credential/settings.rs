//! `[credential]`: where in a request the token travels.

use http::HeaderName;

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::{header_name, size, switch, text},
};

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
/// Every place is looked at on every request.
const MAX_SOURCES: usize = 16;

const EXPECTED_SOURCE: &str = "{ header = \"authorization\", scheme = \"Bearer\" }, \
                               { header = \"x-api-token\" } or { cookie = \"session\" }";

impl CredentialSettings {
    pub(crate) fn build(section: &mut Section<'_>) -> Self {
        let expected = format!("a list of {EXPECTED_SOURCE}");
        let sources = section.list("sources", &expected, credential_source);
        let sources = sources.unwrap_or_else(default_sources);
        check_sources(section, &sources);
        Self {
            sources,
            max_bytes: section.or(
                "max_bytes",
                DEFAULT_MAX_BYTES,
                size(MIN_MAX_BYTES..=MAX_MAX_BYTES),
            ),
            forward: section.or("forward", false, switch),
        }
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

fn credential_source(node: &Node) -> Parsed<CredentialSource> {
    let Value::Table(table) = &node.value else {
        return Err(node.mismatch(EXPECTED_SOURCE));
    };
    let known = ["header", "scheme", "cookie"];
    if let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) {
        let hint = crate::config::nearest::suggestion(unknown, &known);
        return Err(format!("unknown key {unknown:?}; {hint}"));
    }
    let member = |name| node.member(name);
    match (member("header"), member("scheme"), member("cookie")) {
        (Some(name), scheme, None) => Ok(CredentialSource::Header {
            name: header_name(name)?,
            scheme: scheme.map(token).transpose()?,
        }),
        (None, None, Some(name)) => Ok(CredentialSource::Cookie(token(name)?)),
        _ => Err(format!(
            "expected exactly one of header and cookie, and scheme only with header: \
             {EXPECTED_SOURCE}"
        )),
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
        section.mistake("sources", format!("expected at most {MAX_SOURCES} places"));
    }
    let repeated = sources
        .iter()
        .enumerate()
        .any(|(position, source)| sources.iter().take(position).any(|earlier| earlier == source));
    if repeated {
        section.mistake("sources", "names the same place twice".to_owned());
    }
}
