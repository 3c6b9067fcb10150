//! `WWW-Authenticate` (RFC 6750 §3), made of the operator's words and constants only (threats
//! O-3, O-4).

use http::HeaderValue;

/// The content of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenge {
    /// There is none.
    None,
    /// That the request has to be signed. No scheme is registered for a JWS over a body; clients
    /// without support for `Signature` keep their token.
    Signature,
    /// The scheme, and the realm if there is one.
    Bare,
    /// With `error="invalid_token"`.
    InvalidToken,
    /// With `error="invalid_request"`.
    InvalidRequest,
    /// With `error="insufficient_scope"` and the scope that the route requires.
    InsufficientScope,
    /// With `error="insufficient_user_authentication"` and what the route requires of it (RFC 9470
    /// §3), the scope included: the next token should have both.
    InsufficientUserAuthentication,
}

/// What a challenge can say besides its error. All of it is the operator's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demands<'d> {
    pub(super) realm: Option<&'d str>,
    /// The scopes that the route requires, separated by spaces; empty: none.
    pub(super) scope: &'d str,
    /// The parameters of what the route requires of the user's authentication.
    pub(super) authentication: Option<&'d str>,
    /// Where the resource of the route publishes its metadata (RFC 9728 §5.1).
    pub(super) metadata_url: Option<&'d str>,
}

impl Challenge {
    /// The header's value.
    pub(super) fn header(self, demands: Demands<'_>) -> Option<HeaderValue> {
        if self == Self::None {
            return None;
        }
        let scheme = if self == Self::Signature { "Signature" } else { "Bearer" };
        let parameters = self.parameters(demands);
        let space = if parameters.is_empty() { "" } else { " " };
        HeaderValue::from_str(&format!("{scheme}{space}{}", parameters.join(", "))).ok()
    }

    fn parameters(self, demands: Demands<'_>) -> Vec<String> {
        let quoted = |name: &str, value: &str| format!("{name}=\"{value}\"");
        let authentication = demands.authentication.filter(|_| self.names_authentication());
        let metadata_url = demands.metadata_url.filter(|_| self != Self::Signature);
        let scope = Some(demands.scope).filter(|_| self.names_scope(demands));
        let parts = [
            demands.realm.map(|realm| quoted("realm", realm)),
            self.error().map(|error| quoted("error", error)),
            scope.map(|scope| quoted("scope", scope)),
            authentication.map(str::to_owned),
            metadata_url.map(|url| quoted("resource_metadata", url)),
        ];
        parts.into_iter().flatten().collect()
    }

    fn error(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Bare | Self::Signature => None,
            Self::InvalidToken => Some("invalid_token"),
            Self::InvalidRequest => Some("invalid_request"),
            Self::InsufficientScope => Some("insufficient_scope"),
            Self::InsufficientUserAuthentication => Some("insufficient_user_authentication"),
        }
    }

    /// Which scope to ask for is known without discovery only by those who read it here.
    fn names_scope(self, demands: Demands<'_>) -> bool {
        match self {
            Self::InsufficientScope => true,
            Self::InsufficientUserAuthentication => !demands.scope.is_empty(),
            Self::Bare | Self::InvalidToken => {
                !demands.scope.is_empty() && demands.metadata_url.is_some()
            }
            Self::None | Self::Signature | Self::InvalidRequest => false,
        }
    }

    fn names_authentication(self) -> bool {
        self == Self::InsufficientUserAuthentication
    }
}
