//! Which claims of an issuer's tokens hold the granted scopes.

use crate::{
    identity::ClaimPath,
    json::{Json, Object},
};

/// The claims that hold the scopes of one issuer's tokens, and how a text of several is split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeClaims {
    claims: Vec<ClaimPath>,
    separators: Vec<char>,
}

/// The scopes of one token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scopes<'c> {
    granted: Option<&'c Json>,
    separators: &'c [char],
}

impl ScopeClaims {
    /// The space (0x20) of RFC 6749 §3.3, and nothing else.
    pub const DEFAULT_SEPARATORS: &'static [char] = &[' '];

    /// The first of `claims` that is not blank counts: an issuer that writes its scopes into `scp`
    /// may write an empty `scope`. Scopes are never merged from several: the client that requested
    /// the token may have chosen the content of another claim.
    pub fn new(claims: Vec<ClaimPath>, separators: Vec<char>) -> Self {
        Self { claims, separators }
    }

    /// The claims, in the order in which they count.
    pub fn claims(&self) -> &[ClaimPath] {
        &self.claims
    }

    /// What stands between two scopes of one text.
    pub fn separators(&self) -> &[char] {
        &self.separators
    }

    pub(super) fn of<'c>(&'c self, claims: &'c Object) -> Scopes<'c> {
        Scopes {
            granted: self
                .claims
                .iter()
                .find_map(|claim| claim.find(claims).filter(|value| !value.is_blank())),
            separators: &self.separators,
        }
    }
}

impl Default for ScopeClaims {
    /// `scope` (RFC 8693 §4.2, RFC 9068 §2.2.3); or `scp`, which Entra ID and Okta use, where
    /// there is no `scope`.
    fn default() -> Self {
        let claims = ["scope", "scp"].iter().filter_map(|name| ClaimPath::parse(name).ok());
        Self::new(claims.collect(), Self::DEFAULT_SEPARATORS.to_vec())
    }
}

impl Scopes<'_> {
    /// A string is split at the separators and at nothing else; an array's elements are whole
    /// scopes (threats C-9).
    pub(super) fn hold(self, scope: &str) -> bool {
        match self.granted {
            Some(Json::String(list)) => list.split(self.separators).any(|granted| granted == scope),
            Some(Json::Array(list)) => list.iter().any(|granted| granted.as_str() == Some(scope)),
            _ => false,
        }
    }
}
