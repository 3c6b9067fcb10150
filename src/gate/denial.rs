//! The answer *no*, with its one reason.

use http::HeaderValue;

use crate::{
    policy::Unmet,
    reason::{Class, Reason},
};

use super::Route;

/// A refusal: the reason, and what is needed to count it and to answer it.
#[derive(Debug, Clone)]
pub struct Denial {
    reason: Reason,
    class: Class,
    issuer: Option<usize>,
    route: Option<usize>,
    allow: Option<HeaderValue>,
}

impl Denial {
    /// A refusal before any route was found.
    pub fn new(reason: Reason) -> Self {
        Self { reason, class: reason.class(), issuer: None, route: None, allow: None }
    }

    /// A refusal for the signature over the request. What would be wrong with a token elsewhere is
    /// wrong with the signature here; the token is good, and nobody should fetch another.
    pub fn of_signature(reason: Reason) -> Self {
        let class = match reason.class() {
            Class::CredentialInvalid => Class::SignatureRefused,
            class => class,
        };
        Self { class, ..Self::new(reason) }
    }

    /// The route exists, but not for this method; `allow` lists those that it takes.
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self { allow: Some(allow), ..Self::new(Reason::MethodNotAllowed) }
    }

    /// The same, on that route.
    #[must_use]
    pub fn on(self, route: &Route) -> Self {
        Self { route: Some(route.index()), ..self }
    }

    /// The same, about a token of that configured issuer.
    #[must_use]
    pub fn of_issuer(self, issuer: Option<usize>) -> Self {
        Self { issuer, ..self }
    }

    /// The cause.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What kind of refusal it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Index of the configured issuer whose token it was, as far as known.
    pub fn issuer(&self) -> Option<usize> {
        self.issuer
    }

    /// Index of the route, as far as known.
    pub fn route(&self) -> Option<usize> {
        self.route
    }

    /// The value for an `Allow` header.
    pub fn allow(&self) -> Option<&HeaderValue> {
        self.allow.as_ref()
    }
}

impl From<Unmet> for Reason {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Issuer => Self::IssuerNotAllowed,
            Unmet::Scope => Self::ScopeInsufficient,
            Unmet::Claim => Self::ClaimNotPermitted,
        }
    }
}
