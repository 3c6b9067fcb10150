//! What a route knows of the issuers of its tokens.

use crate::policy::ids::IssuerId;

/// The issuers that a route's tokens are assigned to where they do not name one themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteIssuers {
    /// Introspects opaque tokens.
    pub introspection: Option<IssuerId>,
    /// Whose a JWT without `iss` is: the only issuer that the route accepts, if that issuer takes
    /// such tokens. A route that accepts several could not tell whose it is (threats C-17).
    pub unnamed: Option<IssuerId>,
}
