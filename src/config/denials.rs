//! `[denials]`: how refusals look.

use super::{
    node::Node,
    reader::{Parsed, Section},
    values::{switch, text},
};

/// `[denials]`
#[derive(Debug, Clone)]
pub struct DenialSettings {
    /// The `realm` of challenges.
    pub realm: Option<String>,
    /// `true`: refusals carry an `application/problem+json` body with the reason code.
    pub expose_reasons: bool,
}

/// A realm is a name, and travels with every refusal.
const MAX_REALM_BYTES: usize = 128;

impl DenialSettings {
    pub(super) fn build(section: &mut Section<'_>) -> Self {
        Self {
            realm: section.optional("realm", realm),
            expose_reasons: section.or("expose_reasons", false, switch),
        }
    }
}

/// What can stand between the quotes of a challenge without any escape (threats O-4).
fn realm(node: &Node) -> Parsed<String> {
    let realm = text(node)?;
    let allowed =
        |char: char| (char.is_ascii_graphic() || char == ' ') && char != '"' && char != '\\';
    if realm.len() <= MAX_REALM_BYTES && realm.chars().all(allowed) {
        Ok(realm)
    } else {
        Err(node.mismatch(&format!(
            "at most {MAX_REALM_BYTES} printable ASCII characters without \" and \\"
        )))
    }
}
