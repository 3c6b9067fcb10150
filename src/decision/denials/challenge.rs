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
}

impl Challenge {
    /// The header's value.
    pub(super) fn header(self, realm: Option<&str>, scope: &str) -> Option<HeaderValue> {
        let error = match self {
            Self::None => return None,
            Self::Bare | Self::Signature => None,
            Self::InvalidToken => Some("error=\"invalid_token\"".to_owned()),
            Self::InvalidRequest => Some("error=\"invalid_request\"".to_owned()),
            Self::InsufficientScope => {
                Some(format!("error=\"insufficient_scope\", scope=\"{scope}\""))
            }
        };
        let realm = realm.map(|realm| format!("realm=\"{realm}\""));
        let parameters: Vec<_> = realm.into_iter().chain(error).collect();
        let space = if parameters.is_empty() { "" } else { " " };
        let scheme = if self == Self::Signature { "Signature" } else { "Bearer" };
        HeaderValue::from_str(&format!("{scheme}{space}{}", parameters.join(", "))).ok()
    }
}
