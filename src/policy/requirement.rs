//! What a route asks of a verified token, evaluated on every request.
//!
//! Comparisons are exact, byte for byte: no prefixes, patterns or regular expressions on what a
//! token says (threats C-13). Nothing is allocated, since a cached token comes through here too.

use std::collections::BTreeSet;

use crate::{
    config::{ClaimRequirement, RequirementSettings},
    identity::ClaimPath,
    jose::{Json, Object},
};

/// A compiled requirement.
#[derive(Debug)]
pub struct Requirement {
    issuers: Vec<usize>,
    all_scopes: Vec<String>,
    any_scopes: Vec<String>,
    claims: Vec<ClaimCheck>,
    scope: String,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// The route takes tokens of other issuers only.
    Issuer,
    /// A scope is missing.
    Scope,
    /// A claim does not hold an accepted value.
    Claim,
}

impl Requirement {
    /// Compiles the settings.
    pub fn compile(settings: &RequirementSettings) -> Self {
        Self {
            issuers: settings.issuers.clone(),
            all_scopes: settings.all_scopes.clone(),
            any_scopes: settings.any_scopes.clone(),
            claims: settings.claims.iter().map(ClaimCheck::compile).collect(),
            scope: challenge_scope(settings),
        }
    }

    /// Whether a token of that issuer with these claims may pass.
    pub fn check(&self, issuer: usize, claims: &Object) -> Result<(), Unmet> {
        if !self.issuers.contains(&issuer) {
            return Err(Unmet::Issuer);
        }
        let granted = Scopes::of(claims);
        let any = self.any_scopes.is_empty() || self.any_scopes.iter().any(|s| granted.hold(s));
        if !any || !self.all_scopes.iter().all(|scope| granted.hold(scope)) {
            return Err(Unmet::Scope);
        }
        if !self.claims.iter().all(|check| check.passes(claims)) {
            return Err(Unmet::Claim);
        }
        Ok(())
    }

    /// The scopes to name in an `insufficient_scope` challenge (RFC 6750 §3), separated by spaces;
    /// empty if the route asks for none. Alternatives are all named.
    pub fn scope(&self) -> &str {
        &self.scope
    }
}

fn challenge_scope(settings: &RequirementSettings) -> String {
    let mut named = BTreeSet::new();
    let scopes = settings.all_scopes.iter().chain(&settings.any_scopes);
    let once: Vec<_> = scopes.map(String::as_str).filter(|scope| named.insert(*scope)).collect();
    once.join(" ")
}

/// The scopes that a token was granted: `scope` (RFC 8693 §4.2, RFC 9068 §2.2.3); or `scp`, which
/// Entra ID and Okta use, where there is no `scope`. Both may be a string or an array of strings.
struct Scopes<'c>(Option<&'c Json>);

impl<'c> Scopes<'c> {
    fn of(claims: &'c Object) -> Self {
        Self(claims.get("scope").or_else(|| claims.get("scp")))
    }

    /// A string is split at spaces (0x20) and nothing else; an array's elements are whole scopes
    /// (threats C-9).
    fn hold(&self, scope: &str) -> bool {
        match self.0 {
            Some(Json::String(list)) => list.split(' ').any(|granted| granted == scope),
            Some(Json::Array(list)) => list.iter().any(|granted| granted.as_str() == Some(scope)),
            _ => false,
        }
    }
}

/// A claim and the values it may have.
#[derive(Debug)]
struct ClaimCheck {
    claim: ClaimPath,
    any_of: Vec<Accepted>,
}

impl ClaimCheck {
    fn compile(settings: &ClaimRequirement) -> Self {
        Self {
            claim: settings.claim.clone(),
            any_of: settings.any_of.iter().map(|text| Accepted::new(text)).collect(),
        }
    }

    /// The claim is an accepted value, or an array that holds one.
    fn passes(&self, claims: &Object) -> bool {
        let is_accepted = |value: &Json| self.any_of.iter().any(|accepted| accepted.is(value));
        match self.claim.find(claims) {
            Some(Json::Array(values)) => values.iter().any(is_accepted),
            Some(value) => is_accepted(value),
            None => false,
        }
    }
}

/// An accepted value: its text, and the other values that are written so.
#[derive(Debug)]
struct Accepted {
    text: String,
    scalar: Option<Json>,
}

impl Accepted {
    /// `7` accepts the number 7 and the string `"7"`; `07` accepts the string only.
    fn new(text: &str) -> Self {
        let scalar = Json::parse(text.as_bytes()).ok().filter(|value| {
            matches!(value, Json::Bool(_) | Json::Integer(_) | Json::Float(_))
                && value.to_text() == text
        });
        Self { text: text.to_owned(), scalar }
    }

    fn is(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => *text == self.text,
            Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {
                Some(value) == self.scalar.as_ref()
            }
            Json::Null | Json::Array(_) | Json::Object(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
