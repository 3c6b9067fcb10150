//! One place where a credential may travel.

use http::HeaderName;

use crate::config::{
    node::{Node, Value},
    reader::Parsed,
    values::{header_name, switch, text},
    writer::{Writer, Written},
};

mod key {
    pub(super) const HEADER: &str = "header";
    pub(super) const SCHEME: &str = "scheme";
    pub(super) const COOKIE: &str = "cookie";
    pub(super) const CHUNKS: &str = "chunks";
    pub(super) const QUERY: &str = "query";
    pub(super) const WEBSOCKET_PROTOCOL: &str = "websocket_protocol";
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
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
        /// The authentication scheme before the token.
        scheme: Option<String>,
        /// Whether `name_0`, `name_1` and so on are parts of one value.
        chunks: bool,
    },
    /// A parameter of the query (RFC 6750 §2.3).
    Query(String),
    /// The element after this one in `Sec-WebSocket-Protocol`, or one that begins as Kubernetes'
    /// does; in a WebSocket handshake only.
    WebSocketProtocol(String),
}

/// A set of the places of a configuration, which has 64 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaceSet(u64);

impl PlaceSet {
    /// Every place, and what is in no place of a request.
    pub const ALL: Self = Self(u64::MAX);
    /// More places than a configuration has use for.
    pub const CAPACITY: usize = 64;

    /// The place at that position of the configuration's list.
    pub fn only(position: usize) -> Self {
        Self(u32::try_from(position).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0))
    }

    /// The places of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a place is in both.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every place is in the other.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

pub(super) const EXPECTED: &str = "{ header = \"authorization\", scheme = \"Bearer\" }, \
                                   { header = \"x-api-token\" }, { cookie = \"session\" }, \
                                   { query = \"access_token\" } or \
                                   { websocket_protocol = \"bearer\" }";

/// The keys that say what kind of place it is.
const PLACES: [&str; 4] = [key::HEADER, key::COOKIE, key::QUERY, key::WEBSOCKET_PROTOCOL];
/// Every key.
const KNOWN: [&str; 6] =
    [key::HEADER, key::SCHEME, key::COOKIE, key::CHUNKS, key::QUERY, key::WEBSOCKET_PROTOCOL];

impl CredentialSource {
    pub(super) fn read(node: &Node) -> Parsed<Self> {
        let Value::Table(table) = &node.value else {
            return Err(node.mismatch(EXPECTED));
        };
        if let Some(unknown) = table.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let hint = crate::config::nearest::suggestion(unknown, &KNOWN);
            return Err(format!("unknown key {unknown:?}; {hint}"));
        }
        let scheme = node.member(key::SCHEME);
        let chunks = node.member(key::CHUNKS);
        match (PLACES.map(|name| node.member(name)), scheme, chunks) {
            ([Some(name), None, None, None], scheme, None) => Ok(Self::Header {
                name: header_name(name)?,
                scheme: scheme.map(token).transpose()?,
            }),
            ([None, Some(name), None, None], scheme, chunks) => Ok(Self::Cookie {
                name: token(name)?,
                scheme: scheme.map(token).transpose()?,
                chunks: chunks.map(switch).transpose()?.unwrap_or(false),
            }),
            ([None, None, Some(name), None], None, None) => parameter(name).map(Self::Query),
            ([None, None, None, Some(marker)], None, None) => {
                token(marker).map(Self::WebSocketProtocol)
            }
            _ => Err(format!(
                "expected exactly one of header, cookie, query and websocket_protocol, scheme \
                 only with header or cookie, and chunks only with cookie: {EXPECTED}"
            )),
        }
    }

    pub(super) fn write(&self) -> Written {
        let writer = Writer::default();
        match self {
            Self::Header { name, scheme } => {
                writer.text(key::HEADER, name).optional(key::SCHEME, scheme.as_ref())
            }
            Self::Cookie { name, scheme, chunks } => writer
                .text(key::COOKIE, name)
                .optional(key::SCHEME, scheme.as_ref())
                .switch(key::CHUNKS, *chunks),
            Self::Query(name) => writer.text(key::QUERY, name),
            Self::WebSocketProtocol(marker) => writer.text(key::WEBSOCKET_PROTOCOL, marker),
        }
        .table()
    }

    /// What it is called in messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Header { name, .. } => format!("the header {:?}", name.as_str()),
            Self::Cookie { name, .. } => format!("the cookie {name:?}"),
            Self::Query(name) => format!("the query's {name:?}"),
            Self::WebSocketProtocol(marker) => format!("the WebSocket protocol {marker:?}"),
        }
    }

    /// Whether it is a cookie.
    pub fn is_cookie(&self) -> bool {
        matches!(self, Self::Cookie { .. })
    }

    /// The header that it is, if it is one.
    pub fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header { name, .. } => Some(name),
            Self::Cookie { .. } | Self::Query(_) | Self::WebSocketProtocol(_) => None,
        }
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

/// The name of a parameter: one that no server reads in another way.
fn parameter(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    let allowed = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(node.mismatch("letters, digits, \"_\" and \"-\" only"))
    }
}
