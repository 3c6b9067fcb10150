//! `upgrades`: which protocols a connection to the upstream may switch to.

use http::HeaderValue;

use crate::config::{
    node::{Node, Value},
    reader::{Parsed, Section},
    values::text,
    writer::Writer,
};

use super::key;

/// The protocols that clients may ask the upstream to switch to (RFC 9110 §7.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeProtocols(Vec<HeaderValue>);

/// The one that needs no setting: browsers have it, and its handshake proves what it is
/// (RFC 6455 §4).
pub(crate) const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

const NONE: &str = "none";
const EXPECTED: &str = "a list of protocols such as [\"websocket\", \"SPDY/3.1\"], or \"none\"";

/// What would carry further requests past every check, or hide what is said.
const NEVER: [&str; 3] = ["h2c", "http", "tls"];

impl Default for UpgradeProtocols {
    fn default() -> Self {
        Self(vec![WEBSOCKET])
    }
}

impl UpgradeProtocols {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        section.or(key::UPGRADES, Self::default(), protocols)
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        if self.0.is_empty() {
            return writer.text(key::UPGRADES, NONE);
        }
        writer.list(key::UPGRADES, self.0.iter().filter_map(|protocol| protocol.to_str().ok()))
    }

    /// The protocol that a client means, as it is configured. Case does not count (RFC 9110 §7.8).
    pub fn named(&self, proposed: &HeaderValue) -> Option<&HeaderValue> {
        let is_meant =
            |known: &&HeaderValue| known.as_bytes().eq_ignore_ascii_case(proposed.as_bytes());
        self.0.iter().find(is_meant)
    }
}

fn protocols(node: &Node) -> Parsed<UpgradeProtocols> {
    let list = match &node.value {
        Value::Text(none) if none == NONE => return Ok(UpgradeProtocols(Vec::new())),
        Value::List(list) if !list.is_empty() => list,
        _ => return Err(node.mismatch(EXPECTED)),
    };
    let mut protocols = UpgradeProtocols(Vec::with_capacity(list.len()));
    for element in list {
        let protocol = protocol(element)?;
        if protocols.named(&protocol).is_some() {
            return Err(format!("lists {protocol:?} twice"));
        }
        protocols.0.push(protocol);
    }
    Ok(protocols)
}

/// `name` or `name/version`, both tokens.
fn protocol(node: &Node) -> Parsed<HeaderValue> {
    let text = text(node)?;
    let (name, version) = text.split_once('/').unwrap_or((&text, "1"));
    if !is_token(name) || !is_token(version) {
        return Err(node.mismatch("a protocol such as \"websocket\" or \"SPDY/3.1\""));
    }
    if NEVER.iter().any(|never| name.eq_ignore_ascii_case(never)) {
        return Err(node.mismatch(
            "another protocol: requests within HTTP or TLS would pass without being checked",
        ));
    }
    HeaderValue::try_from(text).map_err(|_| node.mismatch(EXPECTED))
}

/// A token of RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_char)
}
