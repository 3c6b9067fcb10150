//! What a route requires of a verified token, evaluated on every request.
//!
//! Nothing is allocated, since a cached token comes through here too.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    json::Object,
    policy::settings::{Guests, RequirementSettings},
    reason::{Excerpt, Fault, Part, Reason, Subject},
};

use super::{
    ClaimComparison, RequiredAuthentication, ScopeClaims,
    ids::{IssuerId, PerIssuer},
    scopes::Scopes,
};

/// A compiled requirement.
#[derive(Debug)]
pub struct Requirement {
    guests: Guests,
    issuers: Vec<AcceptedIssuer>,
    all_scopes: Vec<String>,
    any_scopes: Vec<String>,
    claims: Vec<ClaimComparison>,
    scope: String,
    authentication: Option<RequiredAuthentication>,
}

/// An issuer, and where its tokens have their scopes.
#[derive(Debug)]
struct AcceptedIssuer {
    id: IssuerId,
    scopes: Arc<ScopeClaims>,
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
    /// Compiles the settings. `scopes` are those of every configured issuer.
    pub fn compile(settings: &RequirementSettings, scopes: &PerIssuer<Arc<ScopeClaims>>) -> Self {
        let accepted = |&id: &IssuerId| AcceptedIssuer { id, scopes: Arc::clone(scopes.get(id)) };
        Self {
            guests: settings.guests,
            issuers: settings.issuers.iter().map(accepted).collect(),
            all_scopes: settings.all_scopes.clone(),
            any_scopes: settings.any_scopes.clone(),
            claims: settings.claims.clone(),
            scope: challenge_scope(settings),
            authentication: RequiredAuthentication::compile(&settings.authentication),
        }
    }

    /// Which requests pass without a verified token.
    pub fn guests(&self) -> Guests {
        self.guests
    }

    /// Whether a token that is refused for that reason may count as none.
    pub fn ignores(&self, reason: Reason) -> bool {
        reason == Reason::TokenExpired && self.guests == Guests::WithExpiredToken
    }

    /// Whether a token of that issuer with these claims may pass.
    pub fn check(&self, issuer: IssuerId, claims: &Object) -> Result<(), Unmet> {
        let accepted = self.issuers.iter().find(|accepted| accepted.id == issuer);
        let scopes = &accepted.ok_or(Unmet::Issuer)?.scopes;
        if self.requires_scopes() && !self.scopes_suffice(scopes.of(claims)) {
            return Err(Unmet::Scope);
        }
        if !self.claims.iter().all(|comparison| comparison.holds(claims)) {
            return Err(Unmet::Claim);
        }
        Ok(())
    }

    /// The issuers that are accepted.
    pub fn issuers(&self) -> impl Iterator<Item = IssuerId> {
        self.issuers.iter().map(|accepted| accepted.id)
    }

    /// What is said of a token of an accepted issuer that lacks a scope.
    #[cold]
    pub fn lacking_scopes(&self, issuer: IssuerId, claims: &Object) -> Subject {
        let accepted = self.issuers.iter().find(|accepted| accepted.id == issuer);
        let lacks = |scope: &&String| {
            !accepted.is_some_and(|accepted| accepted.scopes.of(claims).hold(scope))
        };
        let mut lacking = self.all_scopes.iter().filter(lacks).map(String::as_str).peekable();
        let subject = |fault| Subject::new(Part::Scope, fault);
        if lacking.peek().is_some() {
            return subject(Fault::Missing).expected(Excerpt::list(lacking)).setting("scopes");
        }
        let any = Excerpt::list(self.any_scopes.iter().map(String::as_str));
        let expected = Excerpt::own(format_args!("one of {any}"));
        subject(Fault::Missing).expected(expected).setting("any_scopes")
    }

    /// What is said of a token whose claims do not suffice.
    #[cold]
    pub fn unmet_claim(&self, claims: &Object) -> Option<Subject> {
        let unmet = self.claims.iter().find(|comparison| !comparison.holds(claims))?;
        Some(unmet.unmet(claims).setting("claims"))
    }

    /// Where none is required, the claims are not searched: looking for `scope` among those of a
    /// token that was not used lately takes five cache misses of the 28 of a request.
    fn requires_scopes(&self) -> bool {
        !(self.all_scopes.is_empty() && self.any_scopes.is_empty())
    }

    fn scopes_suffice(&self, granted: Scopes<'_>) -> bool {
        let any = self.any_scopes.is_empty() || self.any_scopes.iter().any(|s| granted.hold(s));
        any && self.all_scopes.iter().all(|scope| granted.hold(scope))
    }

    /// The scopes to name in an `insufficient_scope` challenge (RFC 6750 §3), separated by spaces;
    /// empty if the route requires none. Alternatives are all named.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// What is required of the authentication behind the token; [`Self::check`] leaves that out,
    /// since it depends on the time.
    pub fn authentication(&self) -> Option<&RequiredAuthentication> {
        self.authentication.as_ref()
    }
}

fn challenge_scope(settings: &RequirementSettings) -> String {
    let mut named = BTreeSet::new();
    let scopes = settings.all_scopes.iter().chain(&settings.any_scopes);
    let once: Vec<_> = scopes.map(String::as_str).filter(|scope| named.insert(*scope)).collect();
    once.join(" ")
}

#[cfg(test)]
mod tests;
