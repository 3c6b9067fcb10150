//! How a token is requested: from which endpoint, for what, and within which bounds.

use std::time::Duration;

use http::Uri;

use crate::{
    config::{
        node::{Node, Value},
        reader::{Parsed, Section},
        urls::callable,
        values::{size, text},
        writer::Writer,
    },
    oauth_client::settings::{
        ClientProof,
        client::{ClientDefaults, ClientSettings},
        key as of_client,
    },
    policy,
    upstream_credential::settings::key,
};

/// A request for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSettings {
    /// The token endpoint.
    pub url: Uri,
    /// How the endpoint is called.
    pub client: ClientSettings,
    /// Whom the token is to be for, by logical names.
    pub audience: Vec<String>,
    /// Whom the token is to be for, by URLs (RFC 8707).
    pub resource: Vec<String>,
    /// What it is to be good for.
    pub scopes: Vec<String>,
    /// The longest token that is taken, in bytes.
    pub max_token_bytes: usize,
}

/// As of the callers' tokens.
const DEFAULT_MAX_TOKEN_BYTES: usize = 16 * 1024;
/// No signed token is shorter.
const MIN_MAX_TOKEN_BYTES: usize = 128;
/// As of the callers' tokens: hardly any server takes a longer header line.
const MAX_MAX_TOKEN_BYTES: usize = 64 * 1024;
/// More values than a request has a use for.
const MAX_VALUES: usize = 16;

const CLIENT: ClientDefaults = ClientDefaults {
    is_unauthenticated: false,
    urls: &[key::TOKEN_URL],
    // A request waits for it.
    timeout: Duration::from_secs(2),
    max_timeout: Duration::from_secs(30),
    // A token, an ID token and a refresh token beside it.
    max_bytes: 64 * 1024,
    max_max_bytes: 1024 * 1024,
};

const EXPECTED_URL: &str = "the URL of the token endpoint";
const DANGER: &str = "secrets and tokens sent over plain http can be read on the way";
const EXPECTED_SCOPES: &str = "a list of scopes such as [\"orders:read\"]";

impl GrantSettings {
    /// `None` after a mistake.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let allow_http = ClientSettings::read_allow_http(section);
        let url = section.required(key::TOKEN_URL, EXPECTED_URL, callable(allow_http, DANGER));
        let audience = section.optional(key::AUDIENCE, texts(text));
        let resource = section.optional(key::RESOURCE, texts(resource));
        let scopes = section.list(key::SCOPES, EXPECTED_SCOPES, policy::settings::scope);
        let sizes = size(MIN_MAX_TOKEN_BYTES..=MAX_MAX_TOKEN_BYTES);
        let max_token_bytes = section.or(key::MAX_TOKEN_BYTES, DEFAULT_MAX_TOKEN_BYTES, sizes);
        let client = ClientSettings::read(section, allow_http, &CLIENT);
        if matches!(client.as_ref().map(|it| &it.proof), Some(ClientProof::Bearer { .. })) {
            let message = "\"bearer\" is for other endpoints than that of tokens; expected another \
                           way of auth";
            section.mistake(of_client::AUTH, message.to_owned());
        }
        Some(Self {
            audience: audience.unwrap_or_default(),
            resource: resource.unwrap_or_default(),
            scopes: scopes.unwrap_or_default(),
            max_token_bytes,
            // Last, so that a missing part does not hide the mistakes above.
            url: url?,
            client: client?,
        })
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = writer
            .text(key::TOKEN_URL, &self.url)
            .list(key::AUDIENCE, &self.audience)
            .list(key::RESOURCE, &self.resource)
            .list(key::SCOPES, &self.scopes)
            .size(key::MAX_TOKEN_BYTES, self.max_token_bytes);
        self.client.write_bounds(self.client.write_proof(writer))
    }
}

/// One text, or a list of some.
fn texts(one: impl Fn(&Node) -> Parsed<String>) -> impl Fn(&Node) -> Parsed<Vec<String>> {
    move |node| match &node.value {
        Value::List(list) if (1..=MAX_VALUES).contains(&list.len()) => {
            list.iter().map(&one).collect()
        }
        Value::List(_) => Err(node.mismatch(&format!("a list of 1 to {MAX_VALUES} texts"))),
        _ => one(node).map(|only| vec![only]),
    }
}

/// An absolute URI without a fragment (RFC 8707 §2).
fn resource(node: &Node) -> Parsed<String> {
    const EXPECTED: &str = "an absolute URL such as \"https://orders.example.com\"";
    let text = text(node)?;
    let is_absolute = text.parse::<Uri>().is_ok_and(|url| url.scheme().is_some());
    if is_absolute && !text.contains('#') { Ok(text) } else { Err(node.mismatch(EXPECTED)) }
}
