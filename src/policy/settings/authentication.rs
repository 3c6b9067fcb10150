//! `acr` and `max_age`: how, and how lately, the subject of a token must have authenticated.

use std::time::Duration;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{duration, format_duration, text},
        writer::Writer,
    },
    policy::settings::key,
};

/// What a route requires of the authentication behind a token (RFC 9470).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationSettings {
    /// Authentication context class references of which the token must name one; empty: any.
    pub acr: Vec<String>,
    /// The longest accepted time since `auth_time`.
    pub max_age: Option<Duration>,
}

/// Shorter than the way from the login to the request, it would refuse every token.
const MIN_MAX_AGE: Duration = Duration::from_secs(1);
/// Sessions are shorter.
const MAX_MAX_AGE: Duration = Duration::from_hours(366 * 24);

impl AuthenticationSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let expected = "a list such as [\"urn:example:mfa\"]";
        Self {
            acr: section.list(key::ACR, expected, acr).unwrap_or_default(),
            max_age: section.optional(key::MAX_AGE, duration(MIN_MAX_AGE..=MAX_MAX_AGE)),
        }
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        writer.list(key::ACR, &self.acr).optional(key::MAX_AGE, self.max_age.map(format_duration))
    }

    /// Whether it requires anything.
    pub fn is_required(&self) -> bool {
        !self.acr.is_empty() || self.max_age.is_some()
    }
}

/// What can be one of several in a challenge's `acr_values`: they are separated by spaces, and
/// quoted without any escape (threats O-4).
fn acr(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    let allowed = |char: char| char.is_ascii_graphic() && char != '"' && char != '\\';
    if text.chars().all(allowed) {
        Ok(text)
    } else {
        Err(node.mismatch("one acr value: printable ASCII without spaces, \" and \\"))
    }
}
