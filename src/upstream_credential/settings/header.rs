//! Where in a request the credential is put.

use http::{HeaderName, HeaderValue, header::AUTHORIZATION};

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::header_name,
        writer::Writer,
    },
    identity::{HeaderUse, check_header_name},
    policy::credential::token,
    upstream_credential::settings::key,
};

/// A header, and what stands in it before the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialHeader {
    /// Its name.
    pub name: HeaderName,
    /// The scheme before the credential; `None`: the credential is the whole value.
    pub scheme: Option<String>,
}

/// RFC 6750 §2.1.
const BEARER: &str = "Bearer";
/// The scheme of a value that has none.
const NO_SCHEME: &str = "none";

impl CredentialHeader {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let given = section.peek(key::HEADER).is_some();
        let name = section.optional(key::HEADER, credential_header);
        let scheme = section.optional(key::SCHEME, scheme);
        let name = if given { name? } else { AUTHORIZATION };
        let usual = (name == AUTHORIZATION).then(|| BEARER.to_owned());
        Some(Self { name, scheme: scheme.unwrap_or(usual) })
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let scheme = self.scheme.as_deref().unwrap_or(NO_SCHEME);
        writer.text(key::HEADER, &self.name).text(key::SCHEME, scheme)
    }

    /// The value of the header; `None` if the credential can't be sent there. `Debug` does not show
    /// it.
    pub(crate) fn value(&self, credential: &str) -> Option<HeaderValue> {
        let value = match &self.scheme {
            Some(scheme) => HeaderValue::try_from(format!("{scheme} {credential}")),
            None => HeaderValue::from_str(credential),
        };
        let mut value = value.ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether it is `Authorization`, which clients send as well.
    pub(crate) fn is_authorization(&self) -> bool {
        self.name == AUTHORIZATION
    }
}

/// Whether a token fits behind a scheme: RFC 6749's `access-token` without what separates values
/// and parameters of a header (RFC 9110 §5.6.1, §11.4), so that a provider can't add a second
/// credential or a header of its own.
pub(crate) fn is_sendable(token: &str) -> bool {
    let is_separator = |byte| matches!(byte, b',' | b';' | b'"' | b'\\');
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && !is_separator(byte))
}

fn credential_header(node: &Node) -> Parsed<HeaderName> {
    let name = header_name(node)?;
    if name != AUTHORIZATION {
        check_header_name(&name, HeaderUse::Request)
            .map_err(|problem| format!("the header {:?} can't be set: {problem}", name.as_str()))?;
    }
    Ok(name)
}

fn scheme(node: &Node) -> Parsed<Option<String>> {
    let scheme = token(node)?;
    Ok((scheme != NO_SCHEME).then_some(scheme))
}
