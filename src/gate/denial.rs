//! The answer *no*, with its one reason.

use std::sync::Arc;

use http::HeaderValue;

use crate::{
    limits::LimitAnswer,
    policy::ids::IssuerId,
    reason::{Cause, Class, Excerpt, Fault, Part, Reason, Subject},
};

use super::Route;

/// A refusal: the reason, and what is needed to count it and to answer it.
#[derive(Debug, Clone)]
pub struct Denial {
    cause: Cause,
    class: Class,
    issuer: Option<IssuerId>,
    route: Option<Arc<Route>>,
    allow: Option<HeaderValue>,
    limits: Option<Box<LimitAnswer>>,
}

impl Denial {
    /// A refusal before any route was found.
    pub fn new(cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let class = cause.reason().class();
        Self { cause, class, issuer: None, route: None, allow: None, limits: None }
    }

    /// A refusal for the signature over the request. Reasons that are a token's elsewhere apply to
    /// the signature here; the token is valid, and the client should not fetch another.
    pub fn of_signature(cause: impl Into<Cause>) -> Self {
        let denial = Self::new(cause);
        let class = match denial.class {
            Class::CredentialInvalid => Class::SignatureRefused,
            class => class,
        };
        Self { class, ..denial }
    }

    /// The route exists, but not for this method; `allow` lists those that it takes.
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        let allowed = Excerpt::quoted(allow.to_str().unwrap_or_default());
        let subject = Subject::new(Part::Method, Fault::NotAllowed).expected(allowed);
        let cause = Reason::MethodNotAllowed.about(subject.setting("methods"));
        Self { allow: Some(allow), ..Self::new(cause) }
    }

    /// A limit of the route does not let the request pass.
    pub fn limited(cause: impl Into<Cause>, answer: LimitAnswer) -> Self {
        Self { limits: Some(Box::new(answer)), ..Self::new(cause) }
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
        self.cause.reason()
    }

    /// The reason, and what it is about.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// What it is about, as far as known.
    pub fn subject(&self) -> Option<&Subject> {
        self.cause.subject()
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

    /// What the answer says of the limit that refuses the request.
    pub fn limits(&self) -> Option<&LimitAnswer> {
        self.limits.as_deref()
    }

    /// The value for an `Allow` header.
    pub fn allow(&self) -> Option<&HeaderValue> {
        self.allow.as_ref()
    }
}
