//! The answer *no*, with its one reason.

use std::sync::Arc;

use http::HeaderValue;

use crate::{
    policy::{AuthenticationUnmet, Unmet, ids::IssuerId},
    reason::{Class, Reason},
};

use super::Route;

/// A refusal: the reason, and what is needed to count it and to answer it.
#[derive(Debug, Clone)]
pub struct Denial {
    reason: Reason,
    class: Class,
    issuer: Option<IssuerId>,
    route: Option<Arc<Route>>,
    allow: Option<HeaderValue>,
}

impl Denial {
    /// A refusal before any route was found.
    pub fn new(reason: Reason) -> Self {
        Self { reason, class: reason.class(), issuer: None, route: None, allow: None }
    }

    /// A refusal for the signature over the request. Reasons that are a token's elsewhere apply to
    /// the signature here; the token is valid, and the client should not fetch another.
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

    /// Attributes the denial to a route.
    #[must_use]
    pub fn on(self, route: &Arc<Route>) -> Self {
        Self { route: Some(Arc::clone(route)), ..self }
    }

    /// Attributes the denial to the issuer of the token.
    #[must_use]
    pub fn of_issuer(self, issuer: Option<IssuerId>) -> Self {
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

    /// Whose token it was, as far as known.
    pub fn issuer(&self) -> Option<IssuerId> {
        self.issuer
    }

    /// The route, as far as known.
    pub fn route(&self) -> Option<&Route> {
        self.route.as_deref()
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

impl From<AuthenticationUnmet> for Reason {
    fn from(unmet: AuthenticationUnmet) -> Self {
        match unmet {
            AuthenticationUnmet::Acr => Self::AuthenticationInsufficient,
            AuthenticationUnmet::Age => Self::AuthenticationTooOld,
        }
    }
}
